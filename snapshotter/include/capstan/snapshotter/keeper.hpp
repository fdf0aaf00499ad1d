#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/engine/runtime/executor.hpp>
#include <capstan/sequencer/partition.hpp>
#include <capstan/snapshotter/source.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

class Storage;

/// When a snapshot is due: behind `events` or `bytes` of events since the last one, or when
/// `events_min` have come and the first of them is `age` old. 0 for any of them: never for that.
struct SnapshotPolicy {
    std::uint64_t events = 10'000;
    std::uint64_t bytes = 4'194'304;
    std::uint64_t events_min = 500;
    Duration age = std::chrono::hours(24);
};

struct SnapshotOptions {
    SnapshotPolicy policy;
    std::size_t page_bytes = 262'144;      // of the tape, folded in one step
    std::size_t cache_bytes = 16'777'216;  // of manifests and chunks that were read
    /// One in so many builds is checked against the tape, if the stream has doubled since the last.
    std::uint64_t check_every = 100;
    unsigned share_percent = 10;  // 1 to 100: of a thread, for jobs that nobody waits for
};

/// `builder` folds and writes, `reader` reads chunks for devices; both may block. All outlive the
/// keeper, and end before it does.
struct SnapshotSeams {
    Storage& storage;
    Clock& clock;
    Executor& strand;
    Executor& builder;
    Executor& reader;
};

/// Counted since the start, for metrics.
struct SnapshotCounters {
    std::uint64_t builds = 0;
    std::uint64_t builds_failed = 0;
    double build_seconds = 0;  // of all builds
    std::uint64_t events = 0;  // that were folded
    std::uint64_t chunks_written = 0;
    std::uint64_t chunks_kept = 0;
    std::uint64_t bytes_written = 0;
    std::uint64_t checks = 0;
    std::uint64_t damages = 0;  // snapshots that were removed because they could not be trusted
    std::uint64_t reads = 0;    // from the disk
    std::uint64_t cache_hits = 0;
};

/// The snapshots of a partition's streams: builds them when they are due or asked for, one at a
/// time, and hands them out.
///
/// A build finds the pages of the tape between other work of the strand, and reads and folds each
/// on `builder`, so no writer waits for it; after each step it rests in proportion, so that it
/// takes no more than its share of the machine from writers that never pause. What is damaged on
/// the disk is never handed out: the stream's snapshots are removed and built from the first event.
/// A stream that stands still costs nothing, one that moves an entry of a table with a bound.
///
/// Threading: the strand.
class SnapshotKeeper : public SnapshotSource {
  public:
    /// `trouble` hears of damage and of builds that failed.
    using Trouble = std::function<void(std::string_view stream, Error const& why)>;
    static std::unique_ptr<SnapshotKeeper> make(SnapshotOptions const& options,
                                                SnapshotSeams const& seams,
                                                Trouble trouble);

    /// Reads what the directory holds, in the background; until then there are no snapshots.
    virtual void attach(Partition& partition) = 0;
    /// No further step of any job begins, and nobody is answered. To be called before its threads
    /// end.
    virtual void stop() = 0;
    virtual void on_moved(StreamMoved const& moved) = 0;
    /// About once a second.
    virtual void on_tick(Instant now) = 0;

    using OnSnapshot = std::function<void(Result<SnapshotOffer> const&)>;
    using OnDone = std::function<void(Result<> const&)>;
    /// A snapshot at the stream's present head or later. Errors: `not_found` (no such stream, or
    /// it has no event), those of a build.
    virtual void create(std::string_view stream, OnSnapshot done) = 0;
    /// Recomputes the newest one from the tape. Errors: `not_found`; `index_damaged`: it says
    /// something else, was removed, and is built anew.
    virtual void check(std::string_view stream, OnSnapshot done) = 0;
    /// Forgets all snapshots of the stream. Errors: `not_found`, `disk_io`.
    virtual void remove(std::string_view stream, OnDone done) = 0;
    /// The stream's snapshots, newest first.
    virtual std::vector<SnapshotOffer> list(std::string_view stream) const = 0;

    virtual std::size_t streams() const = 0;  // that have a snapshot
    virtual bool is_building() const = 0;
    virtual SnapshotCounters const& counters() const = 0;
};

}  // namespace capstan
