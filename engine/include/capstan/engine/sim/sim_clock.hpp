#pragma once
#include <capstan/engine/runtime/clock.hpp>

namespace capstan {

/// Virtual time. `now` moves only by `advance`; `wall` follows it and can be made to jump.
class SimClock final : public Clock {
  public:
    explicit SimClock(WallTime wall_at_start = WallTime{1'700'000'000'000'000})
        : wall_at_start_(wall_at_start) {}

    Instant now() const override { return now_; }
    WallTime wall() const override {
        using std::chrono::microseconds;
        auto const passed = std::chrono::duration_cast<microseconds>(now_.since_start).count();
        return WallTime{wall_at_start_.micros + passed};
    }

    void advance(Duration duration) { now_ = now_.plus(duration); }
    /// Either way: an operator, a leap second, a time server.
    void jump_wall(std::chrono::microseconds by) { wall_at_start_.micros += by.count(); }

  private:
    Instant now_;
    WallTime wall_at_start_;
};

}  // namespace capstan
