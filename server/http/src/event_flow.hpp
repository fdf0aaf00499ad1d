#pragma once
#include <capstan/engine/runtime/executor.hpp>
#include <capstan/sequencer/partition.hpp>
#include <capstan/server/http/http_api.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace capstan {

class EventFlow;

/// The flows that are open, so that all can be ended.
using EventFlows = std::set<EventFlow*>;

/// A stream as server-sent events: a cursor, not a queue. Each piece is read from the tape when the
/// peer can take it; at the head the flow waits for the stream to move, and says a comment now and
/// then. Ends when the server drains, when a sealed stream has been read, and at errors.
///
///   id: GENERATION.SEQ
///   data: {"seq":…}            as in a page of events
///
///   event: end | error
///   data: a problem document; why there is no more
///
/// Threading: the strand. Lifetime: everything passed in outlives it.
class EventFlow final : public HttpFlow {
  public:
    struct Start {
        std::string stream;
        std::optional<Generation> generation;  // once the stream is there
        Seq next{1};
    };
    struct World {
        HttpApiOptions const& options;
        HttpApiSeams const& seams;
        Partition& partition;
        EventFlows& flows;
    };
    EventFlow(Start start, World const& world);
    ~EventFlow() override;
    EventFlow(EventFlow const&) = delete;
    EventFlow& operator=(EventFlow const&) = delete;

    void start(std::function<void()> wake) override;
    std::optional<std::string> next() override;
    /// The server shuts down: what is under way is finished, then the flow ends.
    void drain();

  private:
    Result<std::string> read(StreamStat const& stat);
    std::string say_last(std::string_view name, Error const& why);
    std::string wait();
    void wake_up();
    void stop_waiting();

    std::string stream_;
    std::optional<Generation> generation_;
    Seq next_;
    World world_;
    std::function<void()> wake_;
    bool began_ = false;
    bool draining_ = false;
    bool ended_ = false;
    bool silent_ = false;  // a whole heartbeat long
    std::uint64_t watch_ = 0;
    std::unique_ptr<Timer> heartbeat_;
};

/// The `Last-Event-ID` of a reader that comes back: `GENERATION.SEQ`, or a seq alone.
struct EventId {
    std::optional<Generation> generation;
    Seq seq;
    static std::optional<EventId> parse(std::string_view text);
};

}  // namespace capstan
