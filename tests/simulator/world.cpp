#include "world.hpp"

#include <fmt/format.h>

#include <utility>

namespace capstan::simulator {
namespace {

/// From the end of faults: the longest wait of a client (a minute and its jitter), and a minute.
constexpr Duration kRestWithin = std::chrono::seconds(180);
constexpr Duration kLook = std::chrono::milliseconds(250);

class World {
  public:
    explicit World(Plan const& plan)
        : plan_(plan),
          root_(plan.seed),
          schedule_random_(root_.child("schedule")),
          schedule_(clock_, schedule_random_),
          trace_(clock_),
          oracle_(trace_),
          network_(schedule_,
                   clock_,
                   {.delay_us = plan_.knobs.delay_us, .jitter_us = plan_.knobs.jitter_us},
                   root_,
                   [this](std::string_view what) { trace_.mark(what); }),
          steps_(schedule_),
          server_({schedule_, clock_, network_, oracle_, trace_, plan_.knobs, root_}) {
        std::vector<std::string> streams;
        for (std::uint64_t n = 0; n < plan.streams; ++n) {
            streams.push_back("sim/stream/" + std::to_string(n));
        }
        for (std::uint64_t n = 0; n < plan.devices; ++n) {
            network_.add_device();
            devices_.push_back(std::make_unique<DeviceNode>(
                NodeSeams{schedule_, clock_, network_, oracle_, trace_, plan_.knobs, root_},
                n,
                streams));
        }
    }

    Outcome run() {
        Outcome outcome;
        try {
            safety_phase();
            liveness_phase();
            check();
        } catch (Violation& violation) {
            outcome.violation = std::move(violation);
            outcome.failed_at = clock_.now();
            for (auto const& line : trace_.last_lines()) {
                outcome.last_lines.push_back(to_string(line));
            }
        }
        outcome.trace_hash = trace_.hash();
        outcome.tasks = schedule_.tasks_run();
        outcome.writes = oracle_.writes();
        outcome.events = oracle_.events();
        outcome.simulated = clock_.now().since_start;
        outcome.recovery = recovery_;
        for (auto const& [name, count] : trace_.marks()) {
            outcome.marks[std::string(name)] = count;
        }
        return outcome;
    }

  private:
    void safety_phase() {
        steps_.post([this] {
            server_.start();
            for (auto const& device : devices_) {
                device->start();
            }
        });
        if (!plan_.steps.empty()) {
            schedule_step(0);
        }
        run_until(Instant{plan_.horizon});
    }

    /// Each step brings about the next one.
    void schedule_step(std::size_t n) {
        auto const delay = std::max(Duration{}, plan_.steps[n].at - clock_.now().since_start);
        step_timer_ = steps_.after(delay, [this, n] {
            if (n + 1 < plan_.steps.size()) {
                schedule_step(n + 1);
            }
            apply(plan_.steps[n]);
        });
    }

    void apply(Step const& step) {
        trace_.add("step", static_cast<std::uint64_t>(step.verb), step[Arg::device]);
        auto const device = step[Arg::device];
        switch (step.verb) {
            case Verb::cut:
                network_.cut(
                    device, step[Arg::how] % 4 != 2, step[Arg::how] % 4 != 1, step.lasting());
                break;
            case Verb::reset:
                network_.reset(device);
                break;
            case Verb::lag:
                network_.lag(
                    device, std::chrono::milliseconds(step[Arg::count]) * 10, step.lasting());
                break;
            case Verb::stall:
                network_.stall(device, step.lasting());
                break;
            case Verb::jump:
                if (step[Arg::how] % 2 == 1) {
                    server_.apply(step);
                } else {
                    devices_[device]->apply(step);
                }
                break;
            default:
                if (step.verb >= Verb::kill_server) {
                    server_.apply(step);
                } else {
                    devices_[device]->apply(step);
                }
        }
    }

    /// Storage calls may end a machine; the world goes on without it.
    void run_until(Instant end) {
        while (clock_.now() < end) {
            try {
                schedule_.run_for(end - clock_.now());
            } catch (Crash const& crash) {
                on_crash(crash);
            }
        }
    }

    void on_crash(Crash const& crash) {
        if (crash.device) {
            devices_[*crash.device]->crash_in_write();
        } else {
            server_.lose_power();
        }
    }

    void liveness_phase() {
        trace_.add("faults end");
        step_timer_.reset();
        network_.heal();
        server_.heal();
        for (auto const& device : devices_) {
            device->heal();
        }
        auto const start = clock_.now();
        while (!is_at_rest()) {
            require(clock_.now() - start < kRestWithin, "I27", [this] { return what_is_left(); });
            run_until(clock_.now().plus(kLook));
        }
        recovery_ = clock_.now() - start;
        run_until(clock_.now().plus(std::chrono::seconds(2)));  // acks and markers get written
    }

    bool is_at_rest() const {
        return server_.is_up() &&
               std::ranges::all_of(devices_, [](auto const& device) { return device->is_done(); });
    }

    std::string what_is_left() const {
        if (!server_.is_up()) {
            return "the server is down";
        }
        for (std::size_t n = 0; n < devices_.size(); ++n) {
            if (auto const left = devices_[n]->what_is_left(); !left.empty()) {
                return fmt::format("device {}: {}", n, left);
            }
        }
        return "nothing is left";
    }

    void check() {
        trace_.add("at rest");
        oracle_.check_at_rest();
        for (auto const& device : devices_) {
            device->check_store();
        }
        server_.check_rebuilt();
    }

    Plan const& plan_;
    SimRandom root_;
    SimClock clock_;
    SimRandom schedule_random_;
    SimSchedule schedule_;
    Trace trace_;
    Oracle oracle_;
    SimNetwork network_;
    SimExecutor steps_;
    std::unique_ptr<Timer> step_timer_;
    ServerNode server_;
    std::vector<std::unique_ptr<DeviceNode>> devices_;
    Duration recovery_{};
};

}  // namespace

Outcome run(Plan const& plan) {
    return World(plan).run();
}

}  // namespace capstan::simulator
