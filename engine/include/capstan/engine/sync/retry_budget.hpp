#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <chrono>
#include <cstdint>
#include <optional>

namespace capstan::sync {

inline constexpr std::uint32_t kRetryPercent = 10;
inline constexpr std::uint32_t kRetryBurst = 10;
/// A device that sends little may still retry now and then.
inline constexpr Duration kRetryRefill = std::chrono::seconds(6);

/// Keeps a struggling server from being hit by retries: at most 10 % of the requests of a minute,
/// and 10 a minute where there are few. A token bucket that holds up to 10 retries; each first
/// sending adds a tenth, every six seconds add one. First sendings are never held back.
/// A request is one WebSocket message with runs, whatever their number.
class RetryBudget {
  public:
    void first_sending();
    /// Takes one retry out if there is one.
    bool take(Instant now);
    /// When the next retry will be there, if no first sending comes before.
    Instant next(Instant now) const;

  private:
    static constexpr std::uint32_t kUnit = 100;  // one retry; a first sending adds kRetryPercent
    void refill(Instant now);

    std::uint32_t level_ = kRetryBurst * kUnit;  // <= kRetryBurst * kUnit
    std::optional<Instant> refilled_;            // up to here; none before the first use
};

}  // namespace capstan::sync
