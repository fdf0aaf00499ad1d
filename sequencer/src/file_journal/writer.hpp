#pragma once
#include <atomic>
#include <capstan/engine/runtime/random.hpp>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "frame_buffer.hpp"
#include "segment_table.hpp"
#include "spare.hpp"

namespace capstan::file_journal {

/// What writer and readers share beside the table. durable <= appended.
struct Marks {
    std::atomic<std::uint64_t> durable{0};  // stored after the flush, loaded before a read
};

/// Where the open segment ends and what stands there.
struct Tail {
    SegmentHeader segment;
    std::unique_ptr<File> file;
    Offset offset;           // of the next frame
    std::uint64_t room = 0;  // the file's size: frames end at or before it
    Position last;
    Hash128 chain;         // after `last`
    Position declared;     // the highest that something on disk declares durable
    LogOffset copied{-1};  // of a tape: where `last` stands in the log
};

/// Appends to the open segment and rolls to the next. Threading: the writer.
class Writer {
  public:
    Writer(Storage& storage, Random& random, JournalOptions const& options, Marks& marks);

    /// Of a new journal: makes segment 1.
    Result<> create(Lineage lineage);
    /// Of a recovered one.
    Result<> resume(Tail tail);
    /// The table is made when it is known which segments there are.
    void attach(SegmentTable& table) { table_ = &table; }

    Result<Appended> append(std::span<ByteView const> submissions);
    Result<Appended> append_copied(std::span<ByteView const> submissions, LogOffset last);
    Result<Position> flush();
    Result<> sync();
    Result<> mark_idle();
    Result<> prepare_spare();
    SpareState spare() const;
    Result<> seal(SegmentNumber number, ByteView footer);
    Result<> trim(Position keep_from);

    Tail const& tail() const { return tail_; }
    std::optional<Error> const& failure() const { return failure_; }

  private:
    struct Piece {  // of a batch: one frame
        std::size_t first;
        std::size_t count;
        std::uint64_t extent;
    };

    Result<> check_alive() const;
    /// From here on nothing is written: what the disk holds is unknown.
    Error fail(Error const& cause);
    /// Passes a success on; an error is the end.
    template <class T>
    Result<T> or_fail(Result<T> outcome) {
        if (!outcome) {
            return fail(outcome.error());
        }
        return outcome;
    }
    /// The same, but for want of disk space or descriptors, where all is still as it was.
    Result<> or_fail_unless_short(Result<> outcome);

    std::uint64_t plan(std::span<ByteView const> submissions);
    bool fits(std::uint64_t bytes) const;
    Result<ClosedSegment> roll(std::uint64_t bytes);
    Result<> start_segment(SegmentHeader header, std::uint64_t bytes);
    Result<> write_header(File& file, SegmentHeader const& header);
    Result<FrameExtent> write_frame(std::span<ByteView const> submissions);
    FrameHeader next_header(FrameKind kind) const;
    Result<> write_footer(File& file, FrameHeader header, ByteView footer);
    Result<> flush_again(FooterExtent const& footer);
    Result<FrameHeader> footer_header(OpenSegment const& segment);
    Result<> drop_first_segment();

    Storage& storage_;
    Random& random_;
    JournalOptions options_;
    Marks& marks_;
    SegmentTable* table_ = nullptr;
    Spare spare_;
    FrameBuffer buffer_;
    Tail tail_;
    Position synced_;                     // on the disk; durable unless this is a tape
    std::vector<Piece> pieces_;           // of the batch at hand
    std::uint64_t last_batch_bytes_ = 0;  // on disk
    std::optional<Error> failure_;
};

}  // namespace capstan::file_journal
