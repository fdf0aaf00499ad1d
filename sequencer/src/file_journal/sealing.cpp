#include <algorithm>
#include <utility>

#include "writer.hpp"

// What happens to closed segments: they are sealed, and one day dropped.
namespace capstan::file_journal {

Result<> Writer::seal(SegmentNumber number, ByteView footer) {
    CAPSTAN_TRY(check_alive());
    CAPSTAN_INVARIANT(footer.size() <= kSegmentBytesMax);
    if (number.value >= tail_.segment.number) {
        return Error{Errc::not_found, "segment " + std::to_string(number.value) + " is not closed"};
    }
    if (auto const there = table_->footer(number)) {
        return flush_again(there.value());
    }
    CAPSTAN_TRY(auto const segment, table_->open(number));
    CAPSTAN_TRY(auto const header, footer_header(*segment));
    CAPSTAN_TRY(auto const file, storage_.open(segment_name(number), OpenMode::write));
    return write_footer(*file, header, footer);
}

/// The header that goes behind the segment's last frame, which must be there: writing over a
/// damaged end would destroy what may be needed for its repair.
Result<FrameHeader> Writer::footer_header(OpenSegment const& segment) {
    SegmentNumber const number{segment.header.number};
    CAPSTAN_TRY(auto const next, table_->open(number.next()));
    Position const end = next->header.first_position;

    FrameHeader header;
    header.kind = FrameKind::footer;
    header.block_shift = segment.header.block_shift;
    header.segment_secret = segment.header.secret;
    header.first_position = end;
    header.durable_position = Position{end.value - 1};
    header.chain = next->header.chain;
    header.offset = Offset{block_bytes(segment.header.block_shift)};
    bool const is_empty = segment.header.first_position == end;
    CAPSTAN_TRY(auto const last, last_frame(*segment.file, segment.header));
    if (!last && is_empty) {
        return header;
    }
    // A footer that is not whole is written over; of anything else the last one must reach the
    // segment's end.
    bool const torn_footer =
        last && last->header.kind == FrameKind::footer && last->state == FrameAt::State::damaged;
    bool const reaches_end = last && last->state == FrameAt::State::whole &&
                             last->header.first_position.value + last->header.count == end.value;
    if (!torn_footer && !reaches_end) {
        return corrupt(number,
                       last ? last->header.offset : header.offset,
                       segment.header.first_position,
                       Position{end.value - 1},
                       "the last frame is not whole");
    }
    header.offset = torn_footer ? last->header.offset : Offset{last->end()};
    header.kafka_offset = last->header.kafka_offset;
    return header;
}

Result<> Writer::write_footer(File& file, FrameHeader header, ByteView footer) {
    auto const frame = buffer_.build(header, std::span(&footer, 1));
    auto const end = header.offset.value + frame.size();
    CAPSTAN_TRY(auto const size, or_fail(file.size()));
    if (end > size) {
        CAPSTAN_TRY(or_fail_unless_short(file.allocate(end)));
    }
    CAPSTAN_TRY(or_fail(file.pwrite(frame, header.offset.value)));
    CAPSTAN_TRY(or_fail(file.datasync()));
    return or_fail(file.truncate(end));
}

/// The same bytes to the same place: the last process may have died after a failed flush, with a
/// footer in the page cache that no disk has.
Result<> Writer::flush_again(FooterExtent const& footer) {
    CAPSTAN_TRY(auto const segment, table_->open(footer.segment));
    CAPSTAN_TRY(auto const file, storage_.open(segment_name(footer.segment), OpenMode::write));
    auto const block = block_bytes(segment->header.block_shift);
    // With its padding: the size of the file may be in the cache alone, too.
    Bytes frame((kFrameHeaderBytes + footer.bytes + block - 1) / block * block);
    auto const at = footer.offset.value - kFrameHeaderBytes;
    CAPSTAN_TRY(or_fail(file->pread(frame, at)));
    CAPSTAN_TRY(or_fail(file->pwrite(frame, at)));
    return or_fail(file->datasync());
}

Result<> Writer::trim(Position keep_from) {
    CAPSTAN_TRY(check_alive());
    // A segment may go when the next one starts at or below what is kept. The open one stays.
    while (table_->first().value < tail_.segment.number) {
        CAPSTAN_TRY(auto const next, table_->open(table_->first().next()));
        if (next->header.first_position > keep_from) {
            break;
        }
        CAPSTAN_TRY(drop_first_segment());
    }
    return success();
}

/// One directory flush for each: after a crash no number is missing between two.
Result<> Writer::drop_first_segment() {
    auto const name = segment_name(table_->first());
    bool const in_use = table_->drop_first();
    if (!in_use && spare_.is_absent()) {
        return or_fail(spare_.recycle(name));
    }
    CAPSTAN_TRY(or_fail(storage_.remove(name)));
    return or_fail(storage_.sync());
}

}  // namespace capstan::file_journal
