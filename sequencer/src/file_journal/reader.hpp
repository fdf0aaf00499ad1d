#pragma once
#include <memory>
#include <span>

#include "segment_table.hpp"
#include "walk.hpp"
#include "writer.hpp"

namespace capstan::file_journal {

/// Reads what is durable. Holds nothing of its own; threading: any thread.
class Reader {
  public:
    Reader(Marks const& marks, SegmentTable& table) : marks_(marks), table_(table) {}

    Result<JournalPlace> locate(Position position) const;
    Result<JournalPlace> read(JournalPlace const& after, SubmissionVisitor const& visit) const;
    Result<> pread(SegmentNumber number, Offset offset, std::span<std::byte> into) const;
    Result<ClosedSegment> closed_segment(SegmentNumber number) const;

  private:
    Position durable() const { return Position{marks_.durable.load(std::memory_order_acquire)}; }
    /// Visits one segment's frames; true when the next segment goes on.
    Result<bool> read_segment(OpenSegment const& segment, Walk& walk, Position last) const;
    Error damage(ReadWindow& window,
                 OpenSegment const& segment,
                 FrameAt const& there,
                 JournalPlace const& at,
                 Position end) const;

    Marks const& marks_;
    SegmentTable& table_;
};

}  // namespace capstan::file_journal
