#include "footer_cache.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace capstan {
namespace {

/// Enough for the table of most footers: one read instead of two.
constexpr std::size_t kFirstReadBytes = 16'384;

}  // namespace

Result<FooterTable const*> FooterCache::table(SegmentNumber segment) {
    if (auto const known = by_segment_.find(segment.value); known != by_segment_.end()) {
        entries_.splice(entries_.begin(), entries_, known->second);
        return &entries_.front().table;
    }
    CAPSTAN_TRY(auto entry, load(segment));
    bytes_ += entry.table.memory_bytes();
    entries_.push_front(std::move(entry));
    by_segment_.emplace(segment.value, entries_.begin());
    while (bytes_ > bytes_max_ && entries_.size() > 1) {
        bytes_ -= entries_.back().table.memory_bytes();
        by_segment_.erase(entries_.back().table.segment().value);
        entries_.pop_back();
    }
    return &entries_.front().table;
}

Result<FooterCache::Entry> FooterCache::load(SegmentNumber segment) const {
    CAPSTAN_TRY(auto const place, segments_.footer(segment));
    Bytes start(static_cast<std::size_t>(std::min<std::uint64_t>(place.bytes, kFirstReadBytes)));
    CAPSTAN_TRY(segments_.read(segment, place.offset, start));
    CAPSTAN_TRY(auto const table_bytes, FooterTable::size_of(start, place.bytes));
    if (auto const got = start.size(); got < table_bytes) {
        start.resize(table_bytes);
        CAPSTAN_TRY(segments_.read(
            segment, Offset{place.offset.value + got}, std::span(start).subspan(got)));
    }
    CAPSTAN_TRY(auto table, FooterTable::decode(start, place.bytes));
    if (table.segment() != segment) {
        return Error{Errc::index_damaged,
                     "segment " + std::to_string(segment.value) + " has the footer of segment " +
                         std::to_string(table.segment().value)};
    }
    return Entry{std::move(table), place};
}

Result<FooterPart const*> FooterCache::part(FooterTable const& table,
                                            std::size_t block,
                                            StreamNumber stream) {
    for (auto const& kept : parts_) {
        if (kept.part && kept.segment == table.segment() && kept.block == block &&
            kept.part->stream == stream) {
            return &*kept.part;
        }
    }
    auto const& place = by_segment_.at(table.segment().value)->place;
    block_.resize(table.block_bytes(block));
    CAPSTAN_TRY(segments_.read(
        table.segment(), Offset{place.offset.value + table.block_at(block)}, block_));
    auto& kept = parts_[oldest_part_];
    auto part = std::exchange(kept.part, std::nullopt).value_or(FooterPart{});  // its memory
    CAPSTAN_TRY(auto const found, table.read_part(block, block_, stream, part));
    if (!found) {
        return nullptr;
    }
    oldest_part_ = (oldest_part_ + 1) % parts_.size();
    kept = {table.segment(), block, std::move(part)};
    return &*kept.part;
}

}  // namespace capstan
