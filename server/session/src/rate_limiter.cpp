#include <algorithm>
#include <capstan/schema/hash.hpp>
#include <capstan/server/session/rate_limiter.hpp>

namespace capstan {
namespace {

/// How long `amount` takes to flow in. Amounts are those of one run, bursts at most a few seconds
/// of the rate.
Duration time_of(std::uint64_t amount, RateLimit const& limit) {
    constexpr double kNanoseconds = 1e9;
    return Duration(static_cast<Duration::rep>(static_cast<double>(amount) * kNanoseconds /
                                               static_cast<double>(limit.per_second)));
}

/// How long until the bucket holds something.
Duration wait_for(Instant full, RateLimit const& limit, Instant now) {
    if (limit.per_second == 0) {
        return Duration{};
    }
    return std::max(Duration{}, full - now - time_of(limit.burst, limit));
}

void draw(Instant& full, std::uint64_t amount, RateLimit const& limit, Instant now) {
    if (limit.per_second != 0) {
        full = std::max(full, now).plus(time_of(amount, limit));
    }
}

}  // namespace

std::optional<Duration> RateLimiter::take(DeviceId const& device,
                                          std::string_view stream,
                                          std::uint64_t events,
                                          std::uint64_t bytes,
                                          Instant now) {
    if (rates_.events.per_second == 0 && rates_.bytes.per_second == 0) {
        return std::nullopt;
    }
    forget_full(now);
    auto& buckets = buckets_[{device, hash64(as_bytes(stream))}];
    auto const wait = std::max(wait_for(buckets.events_full, rates_.events, now),
                               wait_for(buckets.bytes_full, rates_.bytes, now));
    if (wait > Duration{}) {
        return wait;
    }
    draw(buckets.events_full, events, rates_.events, now);
    draw(buckets.bytes_full, bytes, rates_.bytes, now);
    return std::nullopt;
}

void RateLimiter::forget_full(Instant now) {
    if (buckets_.size() < sweep_at_) {
        return;
    }
    std::erase_if(buckets_, [&](auto const& entry) {
        return entry.second.events_full <= now && entry.second.bytes_full <= now;
    });
    sweep_at_ = std::max<std::size_t>(1'024, 2 * buckets_.size());
}

}  // namespace capstan
