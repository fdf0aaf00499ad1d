#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/sequencer/fold.hpp>
#include <capstan/sequencer/run_entry.hpp>
#include <capstan/sequencer/shared_log.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

class CheckpointStore;
class Clock;
class Executor;
class Random;
class Storage;

struct PartitionOptions {
    std::uint32_t partition = 0;
    std::size_t segment_bytes = kSegmentBytesDefault;
    std::size_t queue_bytes_max = 64 * 1'048'576;  // submissions waiting for the journal
    std::size_t batch_bytes_max = 4 * 1'048'576;   // one group commit
    std::size_t checkpoint_bytes =
        32 * 1'048'576;  // a checkpoint at the latest after so much journal
    std::uint64_t checkpoint_interval_ms = 5'000;
    std::size_t rows_max = 200'000;  // clean rows kept in memory
};

/// Opens the partition's shared log, to be read from an offset on.
using OpenLog = std::function<Result<std::unique_ptr<SharedLog>>(LogOffset from, LogWake wake)>;

/// The world that a partition lives in. `strand` runs everything of the partition; `disk` is one
/// thread that may block on the journal, `background` one that may block on checkpoints. All
/// outlive the partition.
struct PartitionSeams {
    Storage& storage;
    CheckpointStore& checkpoints;
    Clock& clock;
    Random& random;
    Executor& strand;
    Executor& disk;
    Executor& background;
    /// Of a cluster: the log is the truth, and `storage` holds its tape. Nothing: the file journal
    /// in `storage` is the truth.
    OpenLog open_log;
};

/// What the fold decided about one submission, for the one who submitted it.
struct Folded {
    std::uint64_t token = 0;  // as given to `submit`
    Position position;
    Verdict verdict;
};

/// Consecutive new events of one stream, durable and folded. Valid during the call that hands it
/// out.
struct StreamMoved {
    StreamNumber stream;
    std::string_view name;
    Generation generation;
    Seq first;
    Seq last;       // the stream's head
    Hash128 chain;  // at last
    Seq mark_before;
    std::span<std::uint64_t const> marks;  // after each run
    std::span<ByteView const> runs;        // delivered runs
};

/// Hears what becomes of submissions and streams. Called on the strand; may call the partition
/// back.
class PartitionListener {
  public:
    virtual ~PartitionListener() = default;
    /// In journal order. Each submitted token comes here or to `on_turned_away` exactly once,
    /// unless the partition stops.
    virtual void on_folded(std::span<Folded const> batch) = 0;
    /// Nothing of these was written: there is no room (`storage_full`) or no descriptor
    /// (`overloaded`).
    virtual void on_turned_away(std::span<std::uint64_t const> tokens, Error const& why) = 0;
    /// After `on_folded` of the same batch, once for each stream that moved.
    virtual void on_moved(StreamMoved const& moved) = 0;
    /// Nothing is acked from here on: a write or a flush failed, the fold met a record that it
    /// doesn't know, or the shared log has another history, ends here (`journal_foreign`), or was
    /// folded to another state by another node (`index_damaged`: to be folded again).
    virtual void on_stopped(Error const& why) = 0;
};

/// A stream as its readers see it.
struct StreamStat {
    StreamNumber number;
    std::string name;
    Generation generation;
    Seq head;
    Hash128 chain;   // at head
    Seq mark;        // merge mark at head
    Seq tape_first;  // first seq that the tape still holds
    bool sealed = false;
    std::vector<EndedGeneration> ended;  // earlier generations of the same history
};

/// A device in a stream, as the fold knows it.
struct DeviceStat {
    Attempt attempt;
    Link last;
    Seq preceding_seq;
    std::optional<Errc> halted;
};

/// Whole delivered runs of one stream, back to back, read from memory or the tape.
struct Page {
    Generation generation;
    Seq first;  // at or before the seq that was asked for: runs are whole
    Seq last;
    Hash128 chain;  // at last
    Seq mark_before;
    std::vector<std::uint64_t> marks;  // after each run
    Bytes runs;
    Seq head;
};

/// A page whose runs are known and not read yet.
struct FoundPage {
    Page page;  // but for `page.runs`
    std::vector<RunEntry> runs;

    bool empty() const { return runs.empty(); }
    /// What `page.runs` will hold.
    std::size_t bytes() const;
};

/// How far a partition is. folded <= durable <= appended.
struct PartitionMarks {
    Position appended;
    Position durable;
    Position folded;
    Position checkpointed;
    std::size_t queued_bytes = 0;
};

/// How far a node has come in the shared log.
struct LogProgress {
    LogOffset next;  // the fold takes this one next
    LogOffset end;   // of the log, as it last said
    /// A migration copies another journal to the log: no node is ready before it ends.
    bool is_being_filled = false;
    /// Beacons of other nodes that name another state than this one has, which has folded all from
    /// the first record itself: one of the nodes is not to be trusted.
    std::uint64_t beacons_disagreed = 0;
};

/// One partition: journal → durable → fold → answers, index, subscribers, checkpoints.
/// Durability: `on_folded` is called only for what is flushed, or was read from the shared log.
/// Batches form by themselves: while one is flushed, the next one gathers; there is no timer.
/// Threading: the strand, but for `open` and `close`.
class Partition {
  public:
    /// Recovers the journal and folds its tail. Errors: `journal_corrupt`, `journal_locked`,
    /// `format_unknown`, `journal_foreign`, `index_damaged`, `disk_io`, `storage_full`; of a
    /// cluster also those of `OpenLog`, and `journal_corrupt` says only that tape and index are of
    /// no more use: without them all is copied again.
    static Result<std::unique_ptr<Partition>> open(PartitionOptions const& options,
                                                   PartitionSeams const& seams,
                                                   PartitionListener& listener);
    virtual ~Partition() = default;

    /// Whether it has folded all that the shared log held when it was opened. Until then it knows
    /// less than devices may have seen, and must not speak to them. A file journal is always ready.
    virtual bool is_ready() const = 0;
    /// Nothing of a file journal, and before the log has said how far it goes.
    virtual std::optional<LogProgress> log_progress() const = 0;
    /// Calls `done`, maybe at once, when it has folded all that the shared log holds now: whatever
    /// any node has answered until now is in there. To be called when a device comes from another
    /// node. A file journal has nothing to wait for.
    /// Errors: `unavailable` (the log does not say how far it goes), why it stopped.
    virtual void catch_up(std::function<void(Result<> const&)> done) = 0;
    /// No shared log wakes it any more: to be called before its executors end.
    virtual void close() = 0;

    /// Queues one encoded submission. `on_folded` answers with the token.
    /// Errors: `overloaded` (queue full), `storage_full`, `storage_failed`, `not_ready`,
    /// `too_large`; then it isn't queued.
    virtual Result<> submit(Bytes submission, std::uint64_t token) = 0;

    virtual Result<std::optional<StreamStat>> stat(std::string_view name) = 0;
    virtual Result<std::optional<StreamStat>> stat(StreamNumber number) = 0;
    virtual Result<DeviceStat> device(StreamNumber stream, DeviceId const& device) = 0;

    /// Runs that hold `from` and what follows, at least one run and then up to `bytes_max`. An
    /// empty page if `from` is above the head. Errors: `not_found`, `trimmed`, `journal_corrupt`,
    /// `disk_io`.
    Result<Page> read(StreamNumber stream, Seq from, std::size_t bytes_max);
    /// The same in two steps: which runs they are, and their bytes, which a disk may have to bring.
    virtual Result<FoundPage> find_page(StreamNumber stream, Seq from, std::size_t bytes_max) = 0;
    /// Threading: any thread, while the partition lives. Errors: `journal_corrupt`, `disk_io`.
    virtual Result<Page> load_page(FoundPage found) const = 0;

    /// Chain hash at a seq from 0 to the head. Errors: as `read`.
    virtual Result<Hash128> chain_at(StreamNumber stream, Seq seq) = 0;

    /// Streams whose name matches, in name order, behind `after`. At most `limit`.
    virtual Result<std::vector<StreamStat>> list(StreamPattern const& pattern,
                                                 std::string_view after,
                                                 std::size_t limit) = 0;

    /// Numbers of the streams that moved or appeared after a position, or nothing when the position
    /// isn't of this partition's history (above its end, or another submission chain): fall back to
    /// cursors per stream.
    virtual Result<std::optional<std::vector<StreamNumber>>> changed_since(
        Position position, Hash128 const& chain) = 0;
    /// The position that a device may name later, and the submission chain there.
    virtual std::pair<Position, Hash128> position() const = 0;

    virtual PartitionMarks marks() const = 0;
    /// Bytes at the journal's end that opening cut: written and never acknowledged.
    virtual std::uint64_t bytes_cut() const = 0;
    virtual std::uint64_t state_hash() = 0;

    /// Takes no more submissions, waits for what is queued, checkpoints, marks the journal idle,
    /// then calls `done`.
    virtual void drain(std::function<void()> done) = 0;
};

}  // namespace capstan
