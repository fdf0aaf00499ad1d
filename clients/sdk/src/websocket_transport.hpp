#pragma once
#include <capstan/engine/runtime/transport.hpp>

namespace boost::asio {
class io_context;
}

namespace capstan {

/// Transport over WebSocket (RFC 6455), by Beast. URLs are those of `ServerUrl`; the path behind
/// the prefix is /v1/sync. There are no time limits here but one: a close that the peer does not
/// answer ends after a few seconds.
class WebSocketTransport final : public Transport {
  public:
    explicit WebSocketTransport(boost::asio::io_context& context) : context_(context) {}
    std::unique_ptr<Connection> open(std::string_view url, ConnectionEvents& events) override;

  private:
    boost::asio::io_context& context_;
};

}  // namespace capstan
