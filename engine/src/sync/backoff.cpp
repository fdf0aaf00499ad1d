#include <algorithm>
#include <capstan/engine/sync/backoff.hpp>
#include <capstan/engine/sync/retry_budget.hpp>

namespace capstan::sync {

Duration Backoff::next(Random& random, Duration retry_after) {
    constexpr std::uint32_t kDoublings = 10;  // 0.1 s * 2^10 > 60 s
    failures_ = std::min(failures_ + 1, kDoublings);
    auto const ceiling = std::min(kBackoffMax, kBackoffMin * (1 << failures_));
    auto const span = static_cast<std::uint64_t>((ceiling - kBackoffMin).count());
    return retry_after + kBackoffMin + Duration(random.below(span + 1));
}

void RetryBudget::first_sending() {
    level_ = std::min(level_ + kRetryPercent * kUnit / 100, kRetryBurst * kUnit);
}

bool RetryBudget::take(Instant now) {
    refill(now);
    if (level_ < kUnit) {
        return false;
    }
    level_ -= kUnit;
    return true;
}

Instant RetryBudget::next(Instant now) const {
    return level_ >= kUnit || !refilled_ ? now : refilled_->plus(kRetryRefill);
}

void RetryBudget::refill(Instant now) {
    if (!refilled_) {
        refilled_ = now;
    }
    auto const steps = (now - *refilled_) / kRetryRefill;
    if (steps > 0) {
        auto const units = std::min<std::int64_t>(steps, kRetryBurst) * kUnit;
        level_ = std::min(level_ + static_cast<std::uint32_t>(units), kRetryBurst * kUnit);
        refilled_ = refilled_->plus(kRetryRefill * steps);
    }
}

}  // namespace capstan::sync
