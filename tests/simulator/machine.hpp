// What the machines of the simulator have in common: clocks of their own, disks that take time, and
// the end.
#pragma once
#include <algorithm>
#include <capstan/engine/runtime/executor.hpp>
#include <capstan/engine/sim/sim_executor.hpp>
#include <capstan/engine/sim/sim_random.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "plan.hpp"

namespace capstan::simulator {

/// The machine dies here and now: thrown out of a storage call, caught by the world.
struct Crash {
    std::optional<std::uint64_t> device;  // none: the server
};

/// A machine's own idea of the time.
class MachineClock final : public Clock {
  public:
    explicit MachineClock(SimClock const& world) : world_(world) {}
    Instant now() const override { return world_.now(); }
    WallTime wall() const override {
        return WallTime{world_.wall().micros + static_cast<std::int64_t>(offset_.count())};
    }
    void jump(std::chrono::microseconds by) { offset_ += by; }

  private:
    SimClock const& world_;
    std::chrono::microseconds offset_{};
};

/// A thread that waits for a disk: its tasks take time, one after another.
class DiskExecutor final : public Executor {
  public:
    DiskExecutor(SimSchedule& schedule, SimRandom random, Knobs const& knobs)
        : lane_(schedule), random_(std::move(random)), knobs_(knobs) {}

    void post(Task task) override {
        tasks_.push_back(std::move(task));
        if (!timer_) {
            start_next();
        }
    }
    [[nodiscard]] std::unique_ptr<Timer> after(Duration delay, Task task) override {
        return lane_.after(delay, std::move(task));
    }
    /// The next `tasks` take so long each.
    void slow_down(std::uint64_t tasks, Duration each) {
        slow_tasks_ = tasks;
        slow_ = each;
    }
    void speed_up() { slow_tasks_ = 0; }

  private:
    void start_next() {
        timer_ = lane_.after(draw(), [this] {
            auto task = std::move(tasks_.front());
            tasks_.pop_front();
            timer_.reset();
            task();
            if (!tasks_.empty() && !timer_) {
                start_next();
            }
        });
    }
    Duration draw() {
        if (slow_tasks_ > 0) {
            --slow_tasks_;
            return slow_;
        }
        return std::chrono::microseconds(1 + random_.below(knobs_.disk_us + 1));
    }

    SimExecutor lane_;
    SimRandom random_;
    Knobs const& knobs_;
    std::deque<Task> tasks_;
    std::unique_ptr<Timer> timer_;
    std::uint64_t slow_tasks_ = 0;
    Duration slow_{};
};

}  // namespace capstan::simulator
