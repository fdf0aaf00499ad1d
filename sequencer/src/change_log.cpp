#include "change_log.hpp"

#include <algorithm>

namespace capstan {

void ChangeLog::add(StreamNumber stream, Position position) {
    CAPSTAN_INVARIANT(changes_.empty() || changes_.back().position <= position);
    changes_.push_back({position, stream});
}

bool ChangeLog::is_last(StreamChange const& change) const {
    auto const found = last_.find(change.stream.value);
    return found != last_.end() && found->second == change.position;
}

void ChangeLog::sort_in() {
    for (; sorted_in_ < changes_.size(); ++sorted_in_) {
        last_[changes_[sorted_in_].stream.value] = changes_[sorted_in_].position;
    }
    if (changes_.size() > 2 * last_.size()) {
        std::erase_if(changes_, [&](StreamChange const& change) { return !is_last(change); });
        sorted_in_ = changes_.size();
    }
}

bool ChangeLog::has(StreamNumber stream) {
    sort_in();
    return last_.contains(stream.value);
}

void ChangeLog::changed_after(Position position,
                              std::size_t limit,
                              std::vector<StreamChange>& result) {
    sort_in();
    auto change = std::ranges::partition_point(
        changes_, [&](StreamChange const& each) { return each.position <= position; });
    for (; change != changes_.end() && result.size() < limit; ++change) {
        if (is_last(*change)) {
            result.push_back(*change);
        }
    }
}

void ChangeLog::drop_through(Position position) {
    while (!changes_.empty() && changes_.front().position <= position) {
        if (sorted_in_ > 0) {
            --sorted_in_;
            auto const found = last_.find(changes_.front().stream.value);
            if (found != last_.end() && found->second <= position) {
                last_.erase(found);
            }
        }
        changes_.pop_front();
    }
}

}  // namespace capstan
