#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/engine/tls/context.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/server/net/frame_reader.hpp>
#include <capstan/server/net/http.hpp>
#include <capstan/server/session/session_host.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace capstan {

struct ListenerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;                    // 0: any free one
    std::size_t connections_max = 60'000;      // then accepting pauses
    std::uint64_t accepts_per_second = 2'000;  // more wait in the kernel's queue
    std::size_t http_body_bytes_max = 1'048'576;
    Duration head_max = std::chrono::seconds(10);  // from the first byte to the whole head; of TLS,
                                                   // from the accept to the end of the handshake
    Duration body_grace = std::chrono::seconds(5);   // then at least body_rate_min
    std::size_t body_rate_min = 1'024;               // bytes a second
    Duration write_max = std::chrono::seconds(10);   // without progress
    Duration idle_max = std::chrono::seconds(60);    // between requests
    Duration ping_every = std::chrono::seconds(20);  // to a silent WebSocket peer
    FrameLimits frames;
    std::vector<std::string>
        origins;  // that may open a WebSocket from a browser; none: only its own
    std::shared_ptr<TlsContext const> tls;  // none: plain
};

/// Counted since the start, for metrics.
struct ListenerCounters {
    std::uint64_t accepted = 0;
    std::uint64_t refused_heads = 0;
    std::uint64_t refused_frames = 0;
    std::uint64_t refused_handshakes = 0;  // of TLS
    std::uint64_t timed_out = 0;
    std::uint64_t http_requests = 0;
    std::uint64_t websockets = 0;
    std::size_t open = 0;
};

/// Accepts connections on one address, speaks HTTP/1.1 with them and, at `/v1/sync`, WebSocket;
/// with `tls`, inside TLS. A request is looked at by the head guard before it is parsed. Without
/// `sessions` there are no WebSockets: that is the admin port. Threading: the strand. Lifetime:
/// everything passed in outlives it; `close` it before the sessions go.
class Listener {
  public:
    /// Errors: `port_taken`, `config_invalid`.
    static Result<std::unique_ptr<Listener>> open(boost::asio::io_context& context,
                                                  ListenerOptions const& options,
                                                  Clock& clock,
                                                  HttpHandler& handler,
                                                  SessionHost* sessions);
    virtual ~Listener() = default;

    virtual std::uint16_t port() const = 0;
    /// Other limits and another certificate from now on; the address stays. A connection that is
    /// open keeps its TLS session. Precondition: TLS is on as before, or off as before.
    virtual void set_options(ListenerOptions const& options) = 0;
    /// About once a second: ends what is late.
    virtual void on_tick(Instant now) = 0;
    /// No new connections; those that are open go on.
    virtual void stop_accepting() = 0;
    virtual void close() = 0;
    virtual ListenerCounters const& counters() const = 0;
};

}  // namespace capstan
