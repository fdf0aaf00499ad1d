#include <algorithm>
#include <capstan/server/log/event_limiter.hpp>
#include <utility>

namespace capstan {

std::optional<std::uint64_t> EventLimiter::admit(std::string_view event, Instant now) {
    auto found = buckets_.find(event);
    if (found == buckets_.end()) {
        found = buckets_.emplace(std::string(event), Bucket{now, 0}).first;
    }
    Bucket& bucket = found->second;
    Instant const full = std::max(bucket.full, now).plus(gap_);
    if (full - now > burst_) {
        ++bucket.held_back;
        return std::nullopt;
    }
    bucket.full = full;
    return std::exchange(bucket.held_back, 0);
}

}  // namespace capstan
