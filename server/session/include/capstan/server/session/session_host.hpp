#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/engine/runtime/executor.hpp>
#include <capstan/engine/runtime/random.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/wire.hpp>
#include <capstan/sequencer/partition.hpp>
#include <capstan/server/session/authenticator.hpp>
#include <capstan/server/session/options.hpp>
#include <capstan/server/session/session.hpp>
#include <capstan/snapshotter/source.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace capstan {

/// The world of sessions. All outlive the host. `strand` runs everything of the sessions; `reader`
/// is one thread that may wait for the tape.
struct SessionSeams {
    Clock& clock;
    Random& random;
    Executor& strand;
    Executor& reader;
    Authenticator& authenticator;
};

/// One run from a request without a session (HTTP).
struct SinglePublish {
    Principal const& principal;
    DeviceId device;
    std::string_view stream;
    Generation generation;
    std::optional<Seq> expect_head;
    ByteView run;
    /// Of an import: when another server got it. No rate counts such runs, and floors may be among
    /// them.
    std::optional<WallTime> gateway_time = {};
};

/// Events from a caller who is no device: no counter, no attempt, tried once.
struct KeylessAppend {
    Principal const& principal;
    std::string_view stream;
    std::optional<Seq> expect_head;
    std::span<ByteView const> events;
};

/// What became of a run. `turned_away`: nothing was decided; `why` says what to do.
struct RunAnswer {
    fb::RunResult result;
    std::optional<Error> why;
};
using OnAnswer = std::function<void(RunAnswer const&)>;
/// What the fold made of a record that is no run, or why it was not written.
using OnVerdict = std::function<void(Result<Verdict> const&)>;

/// Counted since the start, for metrics.
struct SessionCounters {
    std::uint64_t runs_submitted = 0;
    std::uint64_t runs_turned_away = 0;
    std::uint64_t runs_by_outcome[static_cast<std::size_t>(fb::Outcome::MAX) + 1] = {};
    std::uint64_t live_deliveries = 0;  // one message to one session
    std::uint64_t live_encoded = 0;     // messages they were shared from
    std::uint64_t demotions = 0;        // from live to the tape
    std::uint64_t promotions = 0;       // and back
    std::uint64_t pages_read = 0;
    std::uint64_t pages_shared = 0;
    std::uint64_t sessions_replaced = 0;
    std::uint64_t sessions_stalled = 0;
    std::uint64_t verdicts[static_cast<std::size_t>(fb::Verdict::MAX) + 1] = {};
    std::uint64_t chunk_bytes = 0;  // of manifests and chunks that were sent
};

/// All sessions of a partition: creates them, routes the fold's answers to those who asked, and
/// hands what is new to all who follow a stream.
///
/// Fan-out: when a stream moves, one message is encoded and shared by all live subscribers, which
/// are those that hold everything before it and have credit and room. The others lag: they read
/// the tape at their own pace and are live again at the head. Nothing is dropped in between.
///
/// Threading: the strand. Lifetime: the partition stops calling before the host is destroyed.
class SessionHost : public PartitionListener {
  public:
    static std::unique_ptr<SessionHost> make(SessionOptions const& options,
                                             SessionSeams const& seams);

    /// Before this everything is answered `not_ready`.
    virtual void attach(Partition& partition) = 0;
    /// From now on devices that can begin with a snapshot are offered one. It outlives the host.
    virtual void offer(SnapshotSource& snapshots) = 0;

    /// A new connection. `wake`: see Session.
    virtual std::shared_ptr<Session> accept(std::function<void()> wake, Instant now) = 0;
    /// About once a second: ends sessions that said no Hello, fell silent or take nothing.
    virtual void on_tick(Instant now) = 0;

    /// No new runs; sessions whose runs are answered are told to come back, and end.
    virtual void drain() = 0;
    /// Drained: no session is open and no answer is due.
    virtual bool is_idle() const = 0;

    /// Other limits from now on; sessions that are open go on under them.
    virtual void set_options(SessionOptions const& options) = 0;
    /// Ends the sessions whose principals do not stand any more. They connect again, and are what
    /// their tokens say by then.
    virtual void check_principals() = 0;

    /// `done` is called once, possibly before this returns; not at all if the partition stops.
    virtual void publish(SinglePublish const& publish, Instant now, OnAnswer done) = 0;
    /// The same for events without a device: this process acts as one for the principal.
    virtual void append(KeylessAppend const& append, OnAnswer done) = 0;
    /// An encoded create or seal; that the principal may is checked before. `done` as above.
    virtual void submit(Bytes record, OnVerdict done) = 0;

    /// Calls `moved` once, when the stream gets its next events; it need not exist yet.
    virtual std::uint64_t watch(std::string_view stream, std::function<void()> moved) = 0;
    virtual void unwatch(std::uint64_t watch) = 0;

    virtual std::size_t session_count() const = 0;
    virtual SessionCounters const& counters() const = 0;
};

}  // namespace capstan
