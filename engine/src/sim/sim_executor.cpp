#include <algorithm>
#include <capstan/engine/sim/sim_executor.hpp>
#include <capstan/schema/error.hpp>
#include <deque>
#include <tuple>
#include <utility>

namespace capstan {

/// Due at `deadline`; equal deadlines in the order of their tickets. Without a lane it is
/// cancelled.
struct SimSchedule::TimerEntry {
    Instant deadline;
    std::uint64_t ticket = 0;
    Lane* lane = nullptr;
    Task task;
};

struct SimSchedule::Lane {
    struct Ready {
        std::uint64_t ticket;
        Task task;
    };
    std::deque<Ready> ready;
};

namespace {

/// For a heap whose top is the soonest.
struct Later {
    template <class Entry>
    bool operator()(Entry const& a, Entry const& b) const {
        return std::tie(a->deadline, a->ticket) > std::tie(b->deadline, b->ticket);
    }
};

}  // namespace

SimSchedule::SimSchedule(SimClock& clock, Random& random, Order order)
    : clock_(clock), random_(random), order_(order) {}

SimSchedule::~SimSchedule() {
    CAPSTAN_INVARIANT(lanes_.empty(), "executors outlive their schedule");
}

bool SimSchedule::run_one() {
    release_due();
    if (run_ready()) {
        return true;
    }
    if (timers_.empty()) {
        return false;
    }
    clock_.advance(timers_.front()->deadline - clock_.now());
    release_due();
    return run_ready();
}

std::size_t SimSchedule::run(std::size_t steps_max) {
    std::size_t steps = 0;
    while (steps < steps_max && run_one()) {
        ++steps;
    }
    return steps;
}

void SimSchedule::run_for(Duration duration) {
    Instant const end = clock_.now().plus(duration);
    for (;;) {
        release_due();
        if (run_ready()) {
            continue;
        }
        bool const is_due = !timers_.empty() && timers_.front()->deadline <= end;
        if (!is_due) {
            break;
        }
        clock_.advance(timers_.front()->deadline - clock_.now());
    }
    clock_.advance(end - clock_.now());
}

void SimSchedule::release_due() {
    while (!timers_.empty()) {
        auto& soonest = timers_.front();
        if (soonest->lane != nullptr && soonest->deadline > clock_.now()) {
            return;
        }
        std::ranges::pop_heap(timers_, Later{});
        auto entry = std::move(timers_.back());
        timers_.pop_back();
        if (entry->lane != nullptr) {
            // Cancelling stays possible until it runs: the entry itself looks once more.
            auto* lane = entry->lane;
            lane->ready.push_back({next_ticket_++, Task([entry = std::move(entry)] {
                                       if (entry->lane != nullptr) {
                                           entry->task();
                                       }
                                   })});
        }
    }
}

bool SimSchedule::run_ready() {
    auto* const lane = order_ == Order::seeded ? draw_busy() : oldest_busy();
    if (lane == nullptr) {
        return false;
    }
    Task task = std::move(lane->ready.front().task);
    lane->ready.pop_front();
    ++tasks_run_;
    task();
    return true;
}

/// Each lane with something to do is as likely as the next; nothing if there is none.
SimSchedule::Lane* SimSchedule::draw_busy() {
    auto const is_busy = [](Lane const* lane) { return !lane->ready.empty(); };
    auto const busy = static_cast<std::uint64_t>(std::ranges::count_if(lanes_, is_busy));
    if (busy == 0) {
        return nullptr;
    }
    auto lane = std::ranges::find_if(lanes_, is_busy);
    for (auto skip = random_.below(busy); skip > 0; --skip) {
        lane = std::find_if(lane + 1, lanes_.end(), is_busy);
    }
    return *lane;
}

SimSchedule::Lane* SimSchedule::oldest_busy() {
    Lane* oldest = nullptr;
    for (auto* const lane : lanes_) {
        if (!lane->ready.empty() &&
            (oldest == nullptr || lane->ready.front().ticket < oldest->ready.front().ticket)) {
            oldest = lane;
        }
    }
    return oldest;
}

namespace {

template <class Entry>
class SimTimer final : public Timer {
  public:
    explicit SimTimer(std::shared_ptr<Entry> entry) : entry_(std::move(entry)) {}
    ~SimTimer() override {
        entry_->lane = nullptr;
        entry_->task = Task();
    }
    SimTimer(SimTimer const&) = delete;
    SimTimer& operator=(SimTimer const&) = delete;

  private:
    std::shared_ptr<Entry> entry_;
};

}  // namespace

SimExecutor::SimExecutor(SimSchedule& schedule)
    : schedule_(schedule), lane_(std::make_unique<SimSchedule::Lane>()) {
    schedule_.lanes_.push_back(lane_.get());
}

SimExecutor::~SimExecutor() {
    std::erase(schedule_.lanes_, lane_.get());
    for (auto& timer : schedule_.timers_) {
        if (timer->lane == lane_.get()) {
            timer->lane = nullptr;
            timer->task = Task();
        }
    }
}

void SimExecutor::post(Task task) {
    lane_->ready.push_back({schedule_.next_ticket_++, std::move(task)});
}

std::unique_ptr<Timer> SimExecutor::after(Duration delay, Task task) {
    auto entry = std::make_shared<SimSchedule::TimerEntry>();
    entry->deadline = schedule_.clock_.now().plus(std::max(delay, Duration::zero()));
    entry->ticket = schedule_.next_ticket_++;
    entry->lane = lane_.get();
    entry->task = std::move(task);
    schedule_.timers_.push_back(entry);
    std::ranges::push_heap(schedule_.timers_, Later{});
    return std::make_unique<SimTimer<SimSchedule::TimerEntry>>(std::move(entry));
}

}  // namespace capstan
