#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/limits.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace capstan {

/// A place between two submissions, from which reading and recovery can start.
struct JournalPlace {
    Position position;      // the last submission before the place; 0 at the start of the journal
    Hash128 chain;          // the submission chain after it
    SegmentNumber segment;  // where the next one stands, or the one before the place did
    Offset offset;  // of the frame that holds the next one or will, or of any frame of the segment
                    // before that
    friend bool operator==(JournalPlace const&, JournalPlace const&) = default;
};

/// Where one frame of submissions first..last stands.
struct FrameExtent {
    SegmentNumber segment;
    Offset offset;            // of its header
    std::uint64_t bytes = 0;  // with header and padding
    Position first;
    Position last;
    Hash128 chain;  // the submission chain after `last`

    Offset payload() const {
        return Offset{offset.value + kFrameHeaderBytes};
    }  // the submissions, back to back
    JournalPlace after() const { return {last, chain, segment, Offset{offset.value + bytes}}; }
};

/// A segment that takes no more submissions.
struct ClosedSegment {
    SegmentNumber number;
    Position first;
    Position last;
    friend bool operator==(ClosedSegment const&, ClosedSegment const&) = default;
};

/// What an append did. All of a batch is in one segment.
struct Appended {
    Position first;
    Position last;
    std::vector<FrameExtent> frames;      // one, unless the batch exceeds kFrameBytesMax
    std::optional<ClosedSegment> closed;  // it was full: to be sealed when all of it is folded
};

/// A submission as it is read back. A view, valid during the call that hands it out.
struct StoredSubmission {
    Position position;
    ByteView bytes;
    Hash128 chain;  // the submission chain after it
    SegmentNumber segment;
    Offset offset;  // of its first byte
    Offset resume;  // of the frame that holds the next one: this frame still, or what follows it
    JournalPlace after() const { return {position, chain, segment, resume}; }
};

enum class Visit : std::uint8_t { next, stop };
/// Called with submissions in order. An error ends the reading and is its result.
using SubmissionVisitor = std::function<Result<Visit>(StoredSubmission const&)>;

/// Where the footer of a sealed segment stands: the bytes that were given to `seal`.
struct FooterExtent {
    SegmentNumber segment;
    Offset offset;
    std::uint64_t bytes = 0;
    friend bool operator==(FooterExtent const&, FooterExtent const&) = default;
};

/// The segment file prepared ahead, into which the journal rolls.
enum class SpareState : std::uint8_t {
    ready,
    wanted,  // prepare it when idle
    urgent,  // the open segment is half full: prepare it between commits too
};

struct JournalDescription {
    std::uint32_t partition = 0;
    Lineage lineage;
    Position first;  // the oldest that is kept
    Position durable;
    Position appended;
    SegmentNumber first_segment;
    SegmentNumber open_segment;
    Offset end;  // where the next frame goes
    std::uint64_t open_segment_bytes = 0;
    SpareState spare = SpareState::wanted;
    std::string failed;  // why it takes no more writes; empty while it does
};

/// The append-only truth of a partition: submissions in arrival order. It knows nothing of streams.
///
/// Marks: durable() <= appended(). What is durable stays, in every crash; what is appended beyond
/// may vanish from its end, and only whole: a submission is there as it was given or not at all.
///
/// Threading: one writer thread calls what is under "Writing", in `append`, `flush` order of its
/// choice. What is under "Reading" is called from any thread at any time, the writer's too. Shared
/// between them are the durable mark (atomic; stored after the flush, loaded before any read), the
/// list of segments with its open read descriptors (one mutex, held for a look-up, never across a
/// read or write of data) and the operating system's files. Bytes at positions up to the durable
/// mark never change, so readers need no more.
///
/// Errors of all writing: `storage_failed` once a write or a flush has failed, for ever: what the
/// disk holds is unknown until recovery has read it.
class Journal {
  public:
    virtual ~Journal() = default;

    // Writing.

    /// Writes one batch behind the last and says where. Durability: none until `flush`.
    /// Shape: 1 or more whole encoded submissions of at most kSubmissionBytesMax each,
    /// kSegmentBytesMax in all. Errors: `storage_full` and `overloaded` (no descriptors left):
    /// nothing was written, the same call succeeds once there is space; `too_large`.
    virtual Result<Appended> append(std::span<ByteView const> submissions) = 0;

    /// All that is appended is durable; returns the last of it.
    virtual Result<Position> flush() = 0;

    /// For a writer with nothing to do: flushes and leaves a marker that declares what is durable,
    /// so that rot of the last submission cannot pass for a torn tail. Takes one block of disk;
    /// does nothing if nothing came since the last.
    virtual Result<> mark_idle() = 0;

    /// One bounded step towards the next segment file: call it while `spare()` is not `ready`, when
    /// idle or between commits. Steps are sized so that the spare is ready in time. Errors:
    /// `storage_full`, `overloaded` (try again later; appending goes on to the end of the open
    /// segment).
    virtual Result<> prepare_spare() = 0;
    virtual SpareState spare() const = 0;

    /// Writes the footer, opaque bytes of at most kSegmentBytesMax, as the last frame of a closed
    /// segment and gives back the disk space behind it. Segments are sealed in order: recovery
    /// looks for unsealed ones back to the newest sealed one. One that is sealed already stays as
    /// it is, and is flushed once more. Errors: `storage_full`, `overloaded` (try again later),
    /// `journal_corrupt` (the segment's end is damaged), `not_found`.
    virtual Result<> seal(SegmentNumber number, ByteView footer) = 0;

    /// Drops segments that hold nothing from `keep_from` on; what is appended last stays. One
    /// becomes the next spare.
    virtual Result<> trim(Position keep_from) = 0;

    virtual JournalDescription describe() const = 0;

    // Reading.

    virtual Position durable() const = 0;

    /// The place behind `position`, found by walking part of one segment. Errors: `trimmed`,
    /// `position_invalid` (above the durable mark), `journal_corrupt`, `disk_io`.
    virtual Result<JournalPlace> locate(Position position) = 0;

    /// Visits durable submissions behind a place, up to the mark at the time of the call, and
    /// returns the place behind the last one visited. Frames are checked: payload hash, positions,
    /// submission chain. Errors: `journal_corrupt` (names segment, offset and positions),
    /// `trimmed`, `disk_io`, what the visitor returns.
    virtual Result<JournalPlace> read(JournalPlace const& after,
                                      SubmissionVisitor const& visit) = 0;

    /// Fills `into` with bytes of a segment, unchecked: what the index points at has its own
    /// checksum. Errors: `trimmed`, `journal_corrupt` (the file ends before), `disk_io`.
    virtual Result<> pread(SegmentNumber number, Offset offset, std::span<std::byte> into) = 0;

    /// Errors: `not_found` (not sealed, or the footer is damaged: read the segment again and seal
    /// it), `trimmed`.
    virtual Result<FooterExtent> footer(SegmentNumber number) = 0;

    /// Submissions first..last of one closed segment. Errors: `not_found` (open, or not there yet),
    /// `trimmed`.
    virtual Result<ClosedSegment> closed_segment(SegmentNumber number) = 0;
};

}  // namespace capstan
