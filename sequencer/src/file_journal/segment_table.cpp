#include "segment_table.hpp"

#include <utility>

namespace capstan::file_journal {

SegmentNumber SegmentTable::first() const {
    std::lock_guard const lock(mutex_);
    return first_;
}

SegmentNumber SegmentTable::last() const {
    std::lock_guard const lock(mutex_);
    return last_;
}

Result<std::shared_ptr<OpenSegment const>> SegmentTable::open(SegmentNumber number) {
    std::lock_guard const lock(mutex_);
    if (number < first_ || number > last_) {
        bool const is_below = number < first_;
        return Error{is_below ? Errc::trimmed : Errc::not_found,
                     "segment " + std::to_string(number.value) + ", have " +
                         std::to_string(first_.value) + ".." + std::to_string(last_.value)};
    }
    if (auto const found = by_number_.find(number); found != by_number_.end()) {
        recent_.splice(recent_.begin(), recent_, found->second);
        return found->second->second;
    }
    if (auto const found = held_.find(number); found != held_.end()) {
        if (auto segment = found->second.lock()) {
            remember(number, segment);
            return segment;
        }
    }
    auto opened = open_file(number);
    if (!opened && opened.error().code == Errc::overloaded) {
        close_all_but(0);  // out of descriptors: ours are the first to go
        opened = open_file(number);
    }
    if (opened) {
        remember(number, opened.value());
    }
    return opened;
}

Result<std::shared_ptr<OpenSegment const>> SegmentTable::find(Position position) {
    SegmentNumber low = first();
    SegmentNumber high = last();
    CAPSTAN_TRY(auto found, open(low));
    if (position < found->header.first_position) {
        return Error{Errc::trimmed,
                     "position " + std::to_string(position.value) + ", have " +
                         std::to_string(found->header.first_position.value) + " and later"};
    }
    // The one at `low` starts at or before the position.
    while (low < high) {
        SegmentNumber const middle{low.value + (high.value - low.value + 1) / 2};
        CAPSTAN_TRY(auto opened, open(middle));
        if (position < opened->header.first_position) {
            high = middle.before();
        } else {
            low = middle;
            found = std::move(opened);
        }
    }
    return found;
}

Result<FooterExtent> SegmentTable::footer(SegmentNumber number) {
    {
        std::lock_guard const lock(mutex_);
        if (auto const known = footers_.find(number); known != footers_.end()) {
            return known->second;
        }
    }
    CAPSTAN_TRY(auto const segment, open(number));
    CAPSTAN_TRY(auto const last, last_frame(*segment->file, segment->header));
    bool const sealed =
        last && last->state == FrameAt::State::whole && last->header.kind == FrameKind::footer;
    if (!sealed) {
        return Error{Errc::not_found,
                     "segment " + std::to_string(number.value) + " has no whole footer"};
    }
    FooterExtent const extent{
        number, Offset{last->header.offset.value + kFrameHeaderBytes}, last->header.payload_bytes};
    std::lock_guard const lock(mutex_);
    if (number >= first_) {
        footers_.emplace(number, extent);
    }
    return extent;
}

void SegmentTable::add(SegmentNumber number) {
    std::lock_guard const lock(mutex_);
    CAPSTAN_INVARIANT(number == last_.next());
    last_ = number;
}

bool SegmentTable::drop_first() {
    std::lock_guard const lock(mutex_);
    CAPSTAN_INVARIANT(first_ < last_);
    if (auto const found = by_number_.find(first_); found != by_number_.end()) {
        recent_.erase(found->second);
        by_number_.erase(found);
    }
    auto const held = held_.find(first_);
    bool const in_use = held != held_.end() && !held->second.expired();
    held_.erase(first_);
    footers_.erase(first_);
    first_ = first_.next();
    return in_use;
}

Result<std::shared_ptr<OpenSegment const>> SegmentTable::open_file(SegmentNumber number) {
    CAPSTAN_TRY(auto file, storage_.open(segment_name(number), OpenMode::read));
    CAPSTAN_TRY(auto header, read_segment_header(*file, number));
    return std::make_shared<OpenSegment const>(OpenSegment{header, std::move(file)});
}

void SegmentTable::remember(SegmentNumber number, std::shared_ptr<OpenSegment const> segment) {
    std::erase_if(held_, [](auto const& entry) { return entry.second.expired(); });
    held_[number] = segment;
    recent_.emplace_front(number, std::move(segment));
    by_number_[number] = recent_.begin();
    close_all_but(open_max_);
}

void SegmentTable::close_all_but(std::size_t count) {
    while (recent_.size() > count) {
        by_number_.erase(recent_.back().first);
        recent_.pop_back();
    }
}

}  // namespace capstan::file_journal
