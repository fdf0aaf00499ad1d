#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/sequencer/checkpoint_store.hpp>
#include <capstan/sequencer/run_entry.hpp>
#include <capstan/sequencer/segment_reader.hpp>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <vector>

/// The index: where on the tape the runs of a stream are. Three levels: memory for the segments
/// that are not sealed; a footer in each sealed segment; in the checkpoint store, per stream, the
/// newest sealed segments that hold runs of it, from which each footer links further back.
///
/// What an idle stream costs in memory: nothing. What a start costs: the runs of the segments that
/// were not sealed at the last checkpoint, which the checkpoints stored as they came, are read
/// back; the partition folds what follows. Neither depends on the number of streams. Source:
/// docs/ARCHITECTURE.md, "Index".
namespace capstan {

/// A reader's place in a stream. A value: it stays good across seals, checkpoints and restarts.
struct RunCursor {
    StreamNumber stream;
    Seq next{1};
    /// Sealed segments that come next, nearest last, as a search backwards met them. Saves
    /// searches; may be emptied at any time.
    std::vector<SegmentLink> ahead = {};
};

struct IndexOptions {
    std::size_t footer_cache_bytes = 8 * 1'048'576;  // tables of footers
    std::size_t find_run_blocks_max = 1'024;         // footer blocks that one `find_run` reads
};

/// Collects runs for one read, within its limit.
class RunCollector {
  public:
    RunCollector(ReadLimit limit, std::vector<RunEntry>& out) : limit_(limit), out_(out) {}
    /// Takes a run and moves the cursor past it; false if the limit is reached and it isn't taken.
    bool take(RunEntry const& run, RunCursor& cursor);
    bool full() const { return full_; }

  private:
    ReadLimit limit_;
    std::vector<RunEntry>& out_;
    std::size_t runs_ = 0;
    std::uint64_t bytes_ = 0;
    bool full_ = false;
};

class FooterCache;
class SegmentRuns;

/// The second and third level, for readers far behind. Each thread that reads has its own one; the
/// store and the segments that they share take calls from any thread.
/// Errors of both functions: `index_damaged`, `trimmed`, `journal_corrupt`, `disk_io`.
class SealedRuns {
  public:
    /// Both outlive this.
    SealedRuns(CheckpointStore const& store, SegmentReader const& segments, IndexOptions options);
    ~SealedRuns();

    /// Takes the run that holds `cursor.next` and those behind it, as far as sealed segments that
    /// the last checkpoint knows reach.
    Result<> read(RunCursor& cursor, RunCollector& into);
    /// As `Index::find_run`.
    Result<std::optional<RunEntry>> find_run(RunKey const& key, Seq above);

  private:
    Result<std::optional<SegmentLink>> locate(RunCursor& cursor);
    Result<> start_search(RunCursor& cursor, std::optional<SegmentLink>& at_or_before);
    Result<std::vector<SegmentLink>> links_of(StreamNumber stream, SegmentLink node);
    Result<bool> read_segment(SegmentNumber segment, RunCursor& cursor, RunCollector& into);

    CheckpointStore const& store_;
    IndexOptions options_;
    std::unique_ptr<FooterCache> footers_;
};

/// A segment's footer, and what it changes in the streams' links.
struct SealedSegment {
    SegmentNumber number;
    Bytes footer;
    std::vector<LinksWrite> links;
};

/// Makes the footer of a segment that takes no more runs. Holds all that it needs, so that it runs
/// in any thread while the index goes on. (Shared ownership: the index may let go of the segments
/// first.)
class FooterJob {
  public:
    /// The same bytes for the same submissions, whatever restarts lay between.
    /// Errors: `index_damaged` (the segment was sealed and its runs are gone from memory: only a
    /// fold from the journal's start can make its footer again), and as `CheckpointStore::links`.
    Result<SealedSegment> run() const;

  private:
    friend class Index;
    SegmentNumber segment_;
    bool too_late_ = false;
    std::shared_ptr<SegmentRuns const> runs_;                // nothing: no run was accepted in it
    std::vector<std::shared_ptr<SegmentRuns const>> older_;  // whose links may not be stored yet
    CheckpointStore const* store_ = nullptr;
};

/// The index of one partition. Threading: the partition's strand.
///
/// The life of a segment here: `add` while it is open; `seal` when the fold has passed its end;
/// `sealed` when its footer is durable; gone from memory when a checkpoint that knows it is
/// `committed`. Each segment goes through this, those without runs too.
class Index {
  public:
    /// Both outlive this.
    Index(CheckpointStore const& store, SegmentReader const& segments, IndexOptions options = {});
    ~Index();

    /// Reads back the runs up to the last checkpoint of the segments that were not sealed; the
    /// partition then adds what it folds behind it. Once, before anything else.
    /// Errors: `index_damaged`, `disk_io`.
    Result<> recover();

    /// An accepted run, in journal order. Counts as a change of its stream.
    void add(RunEntry const& run);
    /// A visible change of a stream that is no run: created, sealed.
    void note_change(StreamNumber stream, Position position);

    /// Appends the run that holds `cursor.next` and those that follow, and moves the cursor behind
    /// them. Nothing is appended when `next` is above the stream's last run.
    /// Errors: `trimmed`, `index_damaged`, `journal_corrupt`, `disk_io`.
    Result<> read(RunCursor& cursor, ReadLimit limit, std::vector<RunEntry>& out);

    /// The run that holds a seq. Errors: as `read`.
    Result<std::optional<RunEntry>> find(StreamNumber stream, Seq seq);

    /// The accepted run with this key, to answer a duplicate. Looks from the newest run backwards,
    /// down to a run of the same device with a lower counter, to seq `above` (an accepted run
    /// lies above its own preceding seq), or until `find_run_blocks_max` footer blocks are read:
    /// then, rarely, an old run is not found though it is there. Errors: as `read`.
    Result<std::optional<RunEntry>> find_run(RunKey const& key, Seq above = Seq{});

    /// Streams whose last change lies above a position, each once, by that change; at most `limit`.
    Result<std::vector<StreamChange>> changed_after(Position position, std::size_t limit);

    /// The segments before `open` that are not sealed here, in order. After a restart some may have
    /// their footers already: it is made again all the same, and comes out the same.
    std::vector<SegmentNumber> to_seal(SegmentNumber open) const;
    FooterJob seal(SegmentNumber segment) const;
    /// The footer is durable in its segment. It counts when all segments before are sealed too.
    void sealed(SealedSegment segment);

    /// What the next checkpoint stores, and the checkpoint at `position` with it is durable.
    IndexDelta take_delta();
    void committed(Position position, SegmentNumber retired);

  private:
    SegmentRuns& runs_of(SegmentNumber segment);
    void read_memory(RunCursor& cursor, RunCollector& into) const;

    struct Pending;
    CheckpointStore const& store_;
    SealedRuns sealed_runs_;
    std::vector<std::shared_ptr<SegmentRuns>> memory_;  // by segment
    SegmentNumber sealed_through_;                      // all up to here are sealed
    std::map<SegmentNumber, SealedSegment> waiting_;    // sealed, but one before them is not
    std::unique_ptr<Pending> pending_;                  // for the next checkpoint
};

}  // namespace capstan
