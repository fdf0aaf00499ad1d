#include "reader.hpp"

#include <algorithm>
#include <utility>

namespace capstan::file_journal {

Result<JournalPlace> Reader::locate(Position position) const {
    if (auto const last = durable(); position > last) {
        return Error{
            Errc::position_invalid,
            "position " + std::to_string(position.value) + ", have " + std::to_string(last.value)};
    }
    CAPSTAN_TRY(auto const segment, table_.find(position.next()));
    auto const& header = segment->header;
    JournalPlace place{Position{header.first_position.value - 1},
                       header.chain,
                       SegmentNumber{header.number},
                       Offset{block_bytes(header.block_shift)}};
    if (place.position == position) {
        return place;
    }
    // Reading up to it checks all before it in the segment, which is what a cursor made elsewhere
    // needs.
    auto const to_position = [position](StoredSubmission const& submission) -> Result<Visit> {
        return submission.position == position ? Visit::stop : Visit::next;
    };
    return read(place, to_position);
}

Result<JournalPlace> Reader::read(JournalPlace const& after, SubmissionVisitor const& visit) const {
    Position const last = durable();
    Walk walk(after, visit);
    bool goes_on = walk.place().position < last;
    while (goes_on) {
        CAPSTAN_TRY(auto const segment, table_.open(walk.place().segment));
        CAPSTAN_TRY(goes_on, read_segment(*segment, walk, last));
        if (goes_on) {
            CAPSTAN_TRY(auto const next, table_.open(walk.place().segment.next()));
            CAPSTAN_TRY(walk.enter(next->header));
        }
    }
    return walk.place();
}

Result<bool> Reader::read_segment(OpenSegment const& segment, Walk& walk, Position last) const {
    CAPSTAN_TRY(auto window, ReadWindow::over(*segment.file));
    while (walk.place().position < last) {
        CAPSTAN_TRY(auto const frame, frame_at(window, segment.header, walk.place().offset));
        if (frame.state != FrameAt::State::whole) {
            // What is durable and not here is in the next segment, or damaged.
            auto const next = table_.open(walk.place().segment.next());
            if (next && next.value()->header.first_position == walk.place().position.next()) {
                return true;
            }
            return damage(window,
                          segment,
                          frame,
                          walk.place(),
                          next ? next.value()->header.first_position : last.next());
        }
        CAPSTAN_TRY(auto const visit, walk.take(frame));
        if (visit == Visit::stop) {
            return false;
        }
    }
    return false;
}

/// Names what is missing here: up to the next frame of the segment, or up to its `end`.
Error Reader::damage(ReadWindow& window,
                     OpenSegment const& segment,
                     FrameAt const& there,
                     JournalPlace const& at,
                     Position end) const {
    bool const damaged = there.state == FrameAt::State::damaged;
    if (damaged && there.header.kind == FrameKind::data) {
        end = there.header.last_position().next();
    } else if (auto const next = next_frame(window, segment.header, at.offset);
               next && next.value() && next.value()->state == FrameAt::State::whole) {
        end = next.value()->header.first_position;
    }
    return corrupt(at.segment,
                   at.offset,
                   at.position.next(),
                   Position{std::max(end.value - 1, at.position.next().value)},
                   damaged ? kHashDiffers : kNoFrame);
}

Result<> Reader::pread(SegmentNumber number, Offset offset, std::span<std::byte> into) const {
    CAPSTAN_TRY(auto const segment, table_.open(number));
    CAPSTAN_TRY(auto const got, segment->file->pread(into, offset.value));
    if (got < into.size()) {
        return Error{Errc::journal_corrupt,
                     "segment " + std::to_string(number.value) + " ends at offset " +
                         std::to_string(offset.value + got) + ", wanted " +
                         std::to_string(into.size()) + " bytes from " +
                         std::to_string(offset.value)};
    }
    return success();
}

Result<ClosedSegment> Reader::closed_segment(SegmentNumber number) const {
    CAPSTAN_TRY(auto const segment, table_.open(number));
    CAPSTAN_TRY(auto const next, table_.open(number.next()));
    return ClosedSegment{
        number, segment->header.first_position, Position{next->header.first_position.value - 1}};
}

}  // namespace capstan::file_journal
