#pragma once
#include <capstan/engine/runtime/executor.hpp>
#include <capstan/engine/runtime/random.hpp>
#include <capstan/engine/sim/sim_clock.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace capstan {

/// Virtual time and an order of tasks that a seed chooses. Several executors (a strand, a disk
/// thread, other nodes) share one SimSchedule. Threading: one thread.
class SimSchedule {
  public:
    /// In which order ready tasks run.
    enum class Order : std::uint8_t {
        fifo,    // as posted
        seeded,  // tasks of one executor as posted; which executor is next is drawn
    };
    /// All outlive the schedule; `random` is drawn from in order `seeded` only.
    SimSchedule(SimClock& clock, Random& random, Order order = Order::seeded);
    ~SimSchedule();

    /// Runs one ready task; with none ready, moves the clock to the next timer and runs that. False
    /// when nothing is left.
    bool run_one();
    /// Until nothing is left, or `steps_max` tasks have run. Returns the number of tasks.
    std::size_t run(std::size_t steps_max = 1'000'000);
    /// All that is due within `duration`; then the clock stands exactly there.
    void run_for(Duration duration);
    /// Since the start.
    std::uint64_t tasks_run() const { return tasks_run_; }

  private:
    friend class SimExecutor;
    struct TimerEntry;
    struct Lane;

    void release_due();
    bool run_ready();
    Lane* draw_busy();
    Lane* oldest_busy();

    SimClock& clock_;
    Random& random_;
    Order order_;
    std::uint64_t next_ticket_ = 0;
    std::uint64_t tasks_run_ = 0;
    std::vector<Lane*> lanes_;
    std::vector<std::shared_ptr<TimerEntry>> timers_;  // a heap, the soonest on top
};

/// One thread or strand of a simulated node. Destroying it forgets its tasks: that is a crash.
class SimExecutor final : public Executor {
  public:
    explicit SimExecutor(SimSchedule& schedule);
    ~SimExecutor() override;
    SimExecutor(SimExecutor const&) = delete;
    SimExecutor& operator=(SimExecutor const&) = delete;

    void post(Task task) override;
    [[nodiscard]] std::unique_ptr<Timer> after(Duration delay, Task task) override;

  private:
    SimSchedule& schedule_;
    std::unique_ptr<SimSchedule::Lane> lane_;
};

}  // namespace capstan
