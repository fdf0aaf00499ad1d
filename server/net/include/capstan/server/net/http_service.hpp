#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/server/net/http_message.hpp>
#include <capstan/server/net/protocol.hpp>
#include <capstan/server/net/web_socket.hpp>
#include <capstan/server/session/session.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace capstan {

/// The way back to who asked. Answers after the connection is gone go nowhere. Threading: strand.
class HttpReply {
  public:
    /// Gives the next piece of a streamed body: text, nothing yet (an empty text; `resume` is
    /// called when there is), or the end.
    using Pull = std::function<std::optional<std::string>()>;

    virtual ~HttpReply() = default;
    /// Exactly one of `send` and `stream`, once.
    virtual void send(HttpResponse response) = 0;
    virtual void stream(HttpResponse head, Pull pull) = 0;
    virtual void resume() = 0;
    /// Called once if the peer goes before the answer is complete, so that waiting can stop.
    virtual void on_gone(std::function<void()> gone) = 0;
};

class HttpHandler {
  public:
    virtual ~HttpHandler() = default;
    virtual void handle(HttpRequest request, std::shared_ptr<HttpReply> reply) = 0;
};

/// Counted since the start, for metrics.
struct NetCounters {
    std::uint64_t accepted = 0;
    std::uint64_t accept_pauses = 0;
    std::uint64_t received_bytes = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t messages_received = 0;
    std::uint64_t messages_sent = 0;
    std::uint64_t requests_refused = 0;  // by the framing guard
    std::uint64_t upgrades_refused = 0;
    std::uint64_t timeouts = 0;  // header, body, idle
    std::uint64_t stalled_writes = 0;
    std::uint64_t protocol_errors = 0;  // WebSocket
};

struct HttpTimes {
    Duration header = std::chrono::seconds(10);
    Duration idle = std::chrono::seconds(60);
    Duration body_grace = std::chrono::seconds(5);
    std::uint64_t body_bytes_per_second_min = 1'024;
};

/// What the connections of one listener share. Outlives them.
struct NetServices {
    HttpHandler& handler;
    Clock const& clock;
    HttpLimits http_limits;
    HttpTimes http_times;
    WebSocketLimits web_socket_limits;
    Duration ping_after = std::chrono::seconds(25);
    std::vector<std::string> origins;  // that may open a WebSocket, beside the server's own
    /// A session for a new WebSocket; empty where none is spoken.
    std::function<std::shared_ptr<Session>(std::function<void()> wake, Instant now)> accept_session;
    WebSocketScratch scratch{};
    NetCounters counters{};
};

inline constexpr std::string_view kSyncPath = "/v1/sync";

/// HTTP/1.1 with keep-alive and pipelining (answered in order), until a WebSocket takes over.
/// Requests that the guard refuses are answered with a problem document, then the connection ends.
std::unique_ptr<Protocol> make_http_protocol(NetServices& services,
                                             std::function<void()> wake,
                                             Instant now);

/// WebSocket messages to and from a session.
std::unique_ptr<Protocol> make_web_socket_protocol(NetServices& services,
                                                   std::function<void()> wake,
                                                   Instant now);

/// An error as problem document (RFC 9457). `retry_after_ms` 0: no Retry-After.
HttpResponse problem_response(int status, Error const& error, std::uint64_t retry_after_ms = 0);

/// 403 for a browser's page of another origin, or cookies without any: else nothing.
std::optional<HttpRefusal> refuse_upgrade(HttpRequest const& request,
                                          std::vector<std::string> const& origins);

}  // namespace capstan
