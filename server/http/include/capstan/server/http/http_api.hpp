#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/engine/runtime/executor.hpp>
#include <capstan/sequencer/partition.hpp>
#include <capstan/server/net/http.hpp>
#include <capstan/server/session/authenticator.hpp>
#include <capstan/server/session/session_host.hpp>
#include <capstan/snapshotter/keeper.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

namespace capstan {

struct HttpApiOptions {
    Duration wait_max = std::chrono::seconds(60);   // long poll
    std::size_t page_bytes_max = 1'048'576;         // events of one answer, as stored
    Duration heartbeat = std::chrono::seconds(15);  // comments of a silent flow of events
    std::size_t page_events_max = 10'000;
    std::uint32_t retry_after_ms = 250;  // where an error says "later" and nothing better is known
};

/// All outlive the API.
struct HttpApiSeams {
    SessionHost& host;
    Authenticator& authenticator;
    Clock& clock;
    Executor& strand;
    /// How long an append took, from the whole request to its verdict; may be empty.
    std::function<void(Duration)> on_appended;
    SnapshotKeeper* snapshots = nullptr;  // nothing: there are none
};

/// One row of the route table. A stream's name stands last, so its slashes need no escapes.
struct HttpRoute {
    std::string_view method;
    std::string_view path;  // `/v1/events/{stream}`
    std::string_view summary;
};
std::span<HttpRoute const> http_routes();

/// Streams and events as resources, JSON in and out. Answers are what the fold decided or the tape
/// holds; errors are problem documents with the catalogue's codes.
/// Threading: the strand. Source: docs/http.md.
class HttpApi : public HttpHandler {
  public:
    static std::unique_ptr<HttpApi> make(HttpApiOptions const& options, HttpApiSeams const& seams);

    /// Before this everything is answered `not_ready`.
    virtual void attach(Partition& partition) = 0;
    /// Answers all long polls with what there is and ends flows of events; later ones do not wait.
    virtual void drain() = 0;
    virtual void set_options(HttpApiOptions const& options) = 0;
    /// Tokens may have changed: all who wait or follow come again and show theirs.
    virtual void ask_again() = 0;
};

/// The status that goes with an error.
unsigned http_status(Errc code);

}  // namespace capstan
