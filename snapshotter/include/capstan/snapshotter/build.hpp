#pragma once
#include <capstan/engine/model/canonical.hpp>
#include <capstan/engine/snapshot/restore.hpp>
#include <capstan/engine/snapshot/trail.hpp>
#include <capstan/sequencer/partition.hpp>
#include <capstan/snapshotter/past.hpp>
#include <capstan/snapshotter/store.hpp>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace capstan {

/// What a build cost.
struct BuildFigures {
    std::uint64_t events = 0;
    std::uint64_t event_bytes = 0;
    std::uint64_t chunks_read = 0;
    std::uint64_t chunks_written = 0;
    std::uint64_t bytes_written = 0;  // compressed
    std::uint64_t chunks_kept = 0;    // as they were in the snapshot before
};

/// For each device of a model, by its number there: the counter of its last event, and when it made
/// events.
class LastCounters {
  public:
    LastCounters() = default;
    LastCounters(std::vector<Counter> counters, std::vector<DeviceSpan> visits)
        : counters_(std::move(counters)), visits_(std::move(visits)) {}
    /// The model has applied an event of this dot.
    void note(Model const& model, Dot const& dot);
    std::span<Counter const> all() const { return counters_; }
    std::span<DeviceSpan const> visits() const { return visits_; }

  private:
    std::vector<Counter> counters_;
    std::vector<DeviceSpan> visits_;
};

/// Builds a stream's next snapshot from the one before and what the tape says since:
///
///     begin, then for each page from `next()` on: feed; then finish
///
/// Only chunks with objects that those events name are read, and those that changed are written; so
/// are the window section, the end of the device table, and counters of devices that wrote. The
/// result is the same, chunk by chunk, as if it had been built from the first event. No writer
/// waits for it: it sees only pages.
///
/// Errors: those of the store; `malformed`, `lost_history` (the tape goes on from another history
/// than the snapshot before). After these and `index_damaged` or `not_found` (of a chunk) the
/// stream's snapshots are to be removed and built from the first event. Threading: that of the
/// store, which outlives it.
class SnapshotBuild {
  public:
    /// Where the stream stands now.
    struct Stream {
        std::string name;
        Generation generation;
        Seq head;
    };
    /// Goes on from the stream's newest snapshot, if its generation and rules are the present ones.
    static Result<SnapshotBuild> begin(SnapshotStore& store, Stream const& stream);

    Seq next() const { return model_.head().next(); }
    /// The page with `next()`. Nothing is stored.
    Result<> feed(Page const& page);
    /// Writes chunks and publishes. Nothing happens if there were no events.
    Result<Manifest> finish();
    /// Of the snapshot that `finish` gave.
    Past const& past() const { return past_; }
    BuildFigures const& figures() const { return figures_; }

  private:
    SnapshotBuild(SnapshotStore& store, Manifest before);

    Result<> load_base();
    Result<> load_devices(ModelRestore& restore);
    Result<std::set<std::size_t>> chunks_of_base(ByteView window) const;
    Result<> load(std::size_t chunk);
    Result<> add_objects(ModelRestore& restore, std::size_t chunk);
    Result<Bytes> read(ChunkRef const& ref) const { return store_->chunk(before_.stream, ref); }
    std::size_t chunk_of(std::string_view id) const;

    Result<> write_objects(Manifest& next);
    Result<> write_devices(Manifest& next);
    Result<> write_visits();
    Result<> write_deaths();
    Result<ChunkRef> write(ByteView chunk);

    SnapshotStore* store_;
    Manifest before_;
    Past past_;                 // of the snapshot before, then of the one that is written
    Model model_;               // of the chunks that were loaded
    std::vector<bool> loaded_;  // by chunk of objects
    std::set<std::string, std::less<>> touched_;  // objects that events named
    Trails trails_;                               // of all objects that were loaded, and of those
    std::uint64_t state_hash_ = 0;
    Hash128 chain_;
    LastCounters counters_;
    BuildFigures figures_;
};

/// The past that a snapshot keeps. Errors: those of the store, `malformed`.
Result<Past> load_past(SnapshotStore& store, Manifest const& manifest);

/// The model that a snapshot holds. Errors: those of the store, `malformed`.
Result<RestoredSnapshot> load_snapshot(SnapshotStore& store, Manifest const& manifest);

/// Whether the snapshot is what the tape says: feed it all pages from the first event on.
class SnapshotCheck {
  public:
    explicit SnapshotCheck(Manifest manifest)
        : manifest_(std::move(manifest)), chain_(chain_start(manifest_.stream)) {}

    Seq next() const { return model_.head().next(); }
    bool done() const { return model_.head() >= manifest_.seq; }
    Result<> feed(Page const& page);
    /// Compares chain, state hash, window, devices with their counters, every object, and the past.
    /// Errors: `index_damaged`, with what differs. Precondition: `done()`.
    Result<> compare(SnapshotStore& store) const;

  private:
    Result<> compare_model(SnapshotStore& store) const;
    Result<> compare_past(SnapshotStore& store) const;
    Result<> compare_trails(SnapshotStore& store, std::size_t chunk, ObjectsPast const& past) const;
    Error differs(std::string const& what) const;

    Manifest manifest_;
    Model model_;
    Trails trails_;
    Hash128 chain_;
    LastCounters counters_;
    std::uint64_t event_bytes_ = 0;
};

}  // namespace capstan
