#pragma once
#include <capstan/schema/ids.hpp>
#include <chrono>
#include <compare>

namespace capstan {

using Duration = std::chrono::nanoseconds;

/// A reading of a clock that never goes back. Only readings of one clock compare.
struct Instant {
    Duration since_start{};
    constexpr Instant plus(Duration duration) const { return Instant{since_start + duration}; }
    friend constexpr Duration operator-(Instant later, Instant earlier) {
        return later.since_start - earlier.since_start;
    }
    friend auto operator<=>(Instant, Instant) = default;
};

/// Time as the shell measures and stamps it. The pure core takes times as values.
/// Threading: any thread. Twins: SystemClock, SimClock.
class Clock {
  public:
    virtual ~Clock() = default;
    /// For durations and deadlines; unmoved by an operator who sets the time.
    virtual Instant now() const = 0;
    /// For people. It jumps, so nothing is ordered by it.
    virtual WallTime wall() const = 0;
};

}  // namespace capstan
