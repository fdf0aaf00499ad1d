#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/engine/runtime/random.hpp>
#include <chrono>
#include <cstdint>

namespace capstan::sync {

inline constexpr Duration kBackoffMin = std::chrono::milliseconds(100);
inline constexpr Duration kBackoffMax = std::chrono::seconds(60);

/// How long to wait before the next try: uniform between 0.1 s and a ceiling that doubles with each
/// failure, from 0.2 s to 60 s ("full jitter", so that a crowd that failed together spreads out).
/// What the server asks for comes on top, and the jitter on top of that, for the same reason.
class Backoff {
  public:
    Duration next(Random& random, Duration retry_after = {});
    /// The last try was a success.
    void reset() { failures_ = 0; }
    std::uint32_t failures() const { return failures_; }

  private:
    std::uint32_t failures_ = 0;
};

}  // namespace capstan::sync
