#pragma once
#include <capstan/engine/runtime/transport.hpp>
#include <capstan/engine/tls/context.hpp>
#include <memory>
#include <utility>

namespace boost::asio {
class io_context;
}

namespace capstan {

/// Transport over WebSocket (RFC 6455), by Beast. URLs are those of `ServerUrl`; the path behind
/// the prefix is /v1/sync. `tls` is for those that ask for it: without, they cannot be opened.
/// There are no time limits here but one: a close that the peer does not answer ends after a few
/// seconds.
class WebSocketTransport final : public Transport {
  public:
    WebSocketTransport(boost::asio::io_context& context, std::shared_ptr<TlsContext const> tls)
        : context_(context), tls_(std::move(tls)) {}
    std::unique_ptr<Connection> open(std::string_view url, ConnectionEvents& events) override;

  private:
    boost::asio::io_context& context_;
    std::shared_ptr<TlsContext const> tls_;
};

}  // namespace capstan
