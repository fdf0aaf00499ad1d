#include "segment_files.hpp"

#include <algorithm>

namespace capstan {

using namespace file_journal;

Result<std::optional<StoredFooter>> read_footer(Storage& journal, SegmentNumber segment) {
    CAPSTAN_TRY(auto const file, journal.open(segment_name(segment), OpenMode::read));
    CAPSTAN_TRY(auto const header, read_segment_header(*file, segment));
    CAPSTAN_TRY(auto const last, last_frame(*file, header));
    if (!last || last->header.kind != FrameKind::footer || last->state != FrameAt::State::whole) {
        return std::optional<StoredFooter>();
    }
    StoredFooter footer{last->header.offset, Bytes(last->header.payload_bytes)};
    CAPSTAN_TRY(file->pread(footer.bytes, footer.frame.value + kFrameHeaderBytes));
    return std::optional(std::move(footer));
}

Result<std::uint32_t> partition_of_journal(Storage& journal) {
    CAPSTAN_TRY(auto const names, journal.list());
    auto const numbers = segments_in(names);
    if (numbers.empty()) {
        return Error{Errc::not_found, journal.describe() + " holds no journal"};
    }
    CAPSTAN_TRY(auto const file, journal.open(segment_name(numbers.front()), OpenMode::read));
    CAPSTAN_TRY(auto const header, read_segment_header(*file, numbers.front()));
    return header.partition;
}

Result<SegmentBytes> SegmentBytes::of(Storage& journal) {
    CAPSTAN_TRY(auto const names, journal.list());
    SegmentBytes bytes;
    for (auto const number : segments_in(names)) {
        if (bytes.before_.empty()) {
            bytes.first_ = number;
        }
        CAPSTAN_TRY(auto const file, journal.open(segment_name(number), OpenMode::read));
        CAPSTAN_TRY(auto const size, file->size());
        bytes.before_.resize(number.value - bytes.first_.value + 1, bytes.total_);
        bytes.total_ += size;
    }
    return bytes;
}

std::uint64_t SegmentBytes::through(SegmentNumber segment, Offset offset) const {
    auto const at = segment.value - first_.value;
    return at < before_.size() ? std::min(before_[at] + offset.value, total_) : total_;
}

}  // namespace capstan
