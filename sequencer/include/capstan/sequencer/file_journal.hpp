#pragma once
#include <capstan/sequencer/journal.hpp>
#include <capstan/sequencer/shared_log.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

class Random;
class Storage;

struct JournalOptions {
    std::uint32_t partition = 0;
    /// Of a new journal; drawn from Random if there is none. A journal that exists is checked
    /// against it. Segment headers carry the lineage of the genesis record for ever: a restore
    /// record does not change it.
    std::optional<Lineage> lineage;
    /// A batch that is larger gets a larger segment.
    std::uint64_t segment_bytes = kSegmentBytesDefault;
    /// Frames start at multiples of 2^shift bytes, so that an acknowledged block is never
    /// rewritten.
    std::uint8_t block_shift = 12;
    /// Where the fold's checkpoint stands: recovery reads from there on. Nothing: from the
    /// journal's start.
    std::optional<JournalPlace> checkpoint;
    std::size_t descriptors_max = 64;  // segments held open for reading
    /// The journal is a tape: a local copy of a shared log, which is the truth. What is appended is
    /// durable already, so `flush` only moves the mark and `sync` is what goes to the disk. A bad
    /// frame behind the checkpoint is cut, with what follows it, and copied again.
    bool is_tape = false;
};

/// What opening found and did.
struct RecoveryReport {
    bool created = false;
    JournalPlace start;             // where reading began
    JournalPlace end;               // behind the last submission: where writing goes on
    std::uint64_t submissions = 0;  // handed out
    std::uint64_t bytes_cut =
        0;  // of frames at the end that were never acknowledged and are not whole
    std::vector<ClosedSegment> unsealed;  // in order: to be indexed again and sealed
};

class FileJournal;
struct OpenedJournal {
    std::unique_ptr<FileJournal> journal;
    RecoveryReport recovery;
};

/// A journal in one directory: `segment-0000000001`, …, `spare` and `lock`.
///
/// A segment is a header block, then frames at block boundaries, each one group commit: header,
/// submissions, zeros. It ends with a footer frame when it is sealed. A file starts its life as the
/// spare: written with zeros (flushing blocks that were written before is much faster than
/// allocated ones), or an old segment once more. What an earlier life left in it names another
/// segment secret and is nothing to this one. To roll, the spare gets its header, is flushed, is
/// renamed and the directory is flushed; only then a frame goes into it. So a segment under its
/// name is whole up to its first frame, and declares all before it durable.
///
/// I/O is buffered and one frame is one write: measured on ext4 over virtio, 4 KiB flushes are as
/// fast as with O_DIRECT, and readers find the newest frames in the page cache.
class FileJournal final : public Journal {
  public:
    /// Recovers the directory, hands the submissions behind the checkpoint to `tail` in order, and
    /// makes all of them durable before it returns; if it returns an error, forget what was handed
    /// out. Reads the frames behind the checkpoint and the rest of the last segment: cost follows
    /// the tail, not the journal.
    ///
    /// A bad frame behind the checkpoint is a torn tail unless a later frame, a later segment or
    /// the checkpoint declares its position durable. A torn tail is cut: what could ever pass for a
    /// frame is zeroed and flushed before anything is written. Else nothing is touched. Frames that
    /// nothing declares durable are written once more and flushed: the last process may have died
    /// after a failed flush, with pages in the cache that no disk has.
    ///
    /// Errors: `journal_corrupt` (names segment, offset, positions), `format_unknown`,
    /// `journal_foreign`, `journal_locked`, `storage_full` (a new journal has no room), `disk_io`,
    /// what `tail` returns. Lifetime: `storage` and `random` outlive the journal. `random` is used
    /// by writing functions only.
    static Result<OpenedJournal> open(Storage& storage,
                                      Random& random,
                                      JournalOptions const& options,
                                      SubmissionVisitor const& tail);
    ~FileJournal() override;

    Lineage lineage() const;

    Result<Appended> append(std::span<ByteView const> submissions) override;
    Result<Position> flush() override;
    /// All that is appended is on the disk; to be called before a checkpoint says so. Threading:
    /// the writer.
    Result<> sync();
    /// Of a tape: appends what was read up to `last` in the log. At most kFrameBytesMax.
    Result<Appended> append_copied(std::span<ByteView const> submissions, LogOffset last);
    /// Where the last submission of a tape stands in the log; nothing if there is none yet.
    std::optional<LogOffset> copied() const;
    Result<> mark_idle() override;
    Result<> prepare_spare() override;
    SpareState spare() const override;
    Result<> seal(SegmentNumber number, ByteView footer) override;
    Result<> trim(Position keep_from) override;
    JournalDescription describe() const override;

    Position durable() const override;
    Result<JournalPlace> locate(Position position) override;
    Result<JournalPlace> read(JournalPlace const& after, SubmissionVisitor const& visit) override;
    Result<> pread(SegmentNumber number, Offset offset, std::span<std::byte> into) override;
    Result<FooterExtent> footer(SegmentNumber number) override;
    Result<ClosedSegment> closed_segment(SegmentNumber number) override;

  private:
    struct Parts;
    explicit FileJournal(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

/// What can be wrong with a journal at rest.
enum class JournalFault : std::uint8_t {
    segment_missing,   // a number between two that are there
    header_damaged,    // of a segment
    foreign,           // a segment of another partition or lineage
    frame_damaged,     // no whole frame where positions should be
    chain_broken,      // the submission chain does not come out as a frame or segment says
    positions_broken,  // a frame or segment starts at another position than the one before it ends
    submission_damaged,  // a frame's payload is not its count of whole submissions
    footer_missing,  // a closed segment without a footer: derived data, rebuilt at the next start
    torn_tail,       // an unacknowledged frame that is not whole: cut at the next start
    format_unknown,  // a newer build wrote it
};
std::string_view to_string(JournalFault fault);

struct JournalProblem {
    JournalFault fault;
    SegmentNumber segment;
    Offset offset;
    Position first;  // positions that are affected; 0 for none
    Position last;
    std::string detail;

    bool is_damage() const;  // acknowledged data is concerned
};
std::string to_string(JournalProblem const& problem);

struct VerifyReport {
    std::uint64_t segments = 0;
    std::uint64_t frames = 0;
    std::uint64_t submissions = 0;
    std::uint64_t bytes = 0;  // of whole frames
    Position first;
    Position last;
    Hash128 chain;  // at last
    Lineage lineage;
    std::uint32_t partition = 0;
    std::optional<std::uint64_t>
        locked_by;  // a process that writes meanwhile: the tail may seem torn
    std::vector<JournalProblem> problems;

    bool is_sound() const;  // no problem is damage
};

/// Who looks on while a journal is verified. An error of either ends it and is its result.
struct VerifyHooks {
    /// Gets the submissions in order, up to the first problem with one, or until it says stop; the
    /// reading goes on.
    SubmissionVisitor submission;
    /// Gets every whole frame, also behind damage.
    std::function<Result<>(FrameExtent const&)> frame;
};

/// Reads all of a journal and changes nothing. Damage is in the report; an error means that it
/// could not be read. It may run beside the process that writes: what that one has not finished at
/// the end is at most a torn tail.
/// Errors: `disk_io`, `not_found` (no segment there), those of the hooks.
Result<VerifyReport> verify_journal(Storage& storage, VerifyHooks const& hooks);
Result<VerifyReport> verify_journal(Storage& storage, SubmissionVisitor const& visit = {});

}  // namespace capstan
