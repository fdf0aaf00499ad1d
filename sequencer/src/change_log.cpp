#include "change_log.hpp"

#include <algorithm>

namespace capstan {

void ChangeLog::add(StreamNumber stream, Position position) {
    CAPSTAN_INVARIANT(changes_.empty() || changes_.back().position <= position);
    changes_.push_back({position, stream});
    last_[stream.value] = position;
}

std::optional<Position> ChangeLog::last_change(StreamNumber stream) const {
    auto const found = last_.find(stream.value);
    return found == last_.end() ? std::nullopt : std::optional(found->second);
}

void ChangeLog::changed_after(Position position,
                              std::size_t limit,
                              std::vector<StreamChange>& result) const {
    auto change = std::ranges::partition_point(
        changes_, [&](StreamChange const& each) { return each.position <= position; });
    for (; change != changes_.end() && result.size() < limit; ++change) {
        if (last_change(change->stream) == change->position) {
            result.push_back(*change);
        }
    }
}

void ChangeLog::drop_through(Position position) {
    while (!changes_.empty() && changes_.front().position <= position) {
        auto const found = last_.find(changes_.front().stream.value);
        if (found != last_.end() && found->second <= position) {
            last_.erase(found);
        }
        changes_.pop_front();
    }
}

}  // namespace capstan
