// What a seed means: sizes, knobs, and for each kind of step whether, how often and how long.
#include <algorithm>
#include <bit>
#include <capstan/engine/sim/sim_random.hpp>
#include <string>
#include <utility>

#include "plan.hpp"

namespace capstan::simulator {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kDayMs = 24 * 3'600'000;

/// What differs between the profiles.
struct Shape {
    std::uint64_t devices_max;
    std::uint64_t horizon_ms_min;
    std::uint64_t horizon_ms_max;
    std::uint64_t publishes_max;  // of a device
    std::uint64_t outage_ms_max;  // of a device or its network
    std::uint64_t down_ms_max;    // of the server
    std::uint64_t faults_max;     // of one kind
};

Shape shape_of(Profile profile) {
    switch (profile) {
        case Profile::dense:
            return {30, 3'000, 20'000, 60, 4'000, 2'000, 6};
        case Profile::sparse:
            return {8, 2 * kDayMs, 28 * kDayMs, 60, 12 * kDayMs, 3'600'000, 8};
        case Profile::crash:
            break;
    }
    return {8, 15'000, 40'000, 80, 5'000, 2'000, 10};
}

class PlanMaker {
  public:
    PlanMaker(std::uint64_t seed, Profile profile) : root_(seed), shape_(shape_of(profile)) {
        plan_.seed = seed;
        plan_.profile = profile;
    }

    Plan make() {
        draw_sizes();
        draw_knobs();
        for (std::uint64_t device = 0; device < plan_.devices; ++device) {
            subscribe_and_publish(device);
            if (profile_is_sparse()) {
                go_away(device);
            }
        }
        add_faults();
        std::ranges::stable_sort(plan_.steps, {}, &Step::at);
        return std::move(plan_);
    }

  private:
    /// Between 1 and `max`, each power of two as likely as the next.
    static std::uint64_t log_uniform(SimRandom& random, std::uint64_t max) {
        auto const top = std::uint64_t{1} << random.below(std::bit_width(max) + 1);
        return 1 + random.below(std::min(top, max));
    }

    void draw_sizes() {
        auto random = root_.child("sizes");
        plan_.devices = log_uniform(random, shape_.devices_max);
        plan_.streams = log_uniform(random, 8);
        auto const range = shape_.horizon_ms_max - shape_.horizon_ms_min;
        plan_.horizon = milliseconds(shape_.horizon_ms_min + random.below(range + 1));
    }

    /// Each knob stays as it is in three of four runs.
    void draw_knobs() {
        auto random = root_.child("knobs");
        auto& knobs = plan_.knobs;
        auto const maybe = [&random](std::uint64_t& knob, std::uint64_t min, std::uint64_t max) {
            auto const value = min + log_uniform(random, max - min);
            if (random.chance(1, 4)) {
                knob = value;
            }
        };
        maybe(knobs.segment_bytes, 64 * 1'024 - 1, 1'048'576);
        maybe(knobs.queue_bytes, 2'000, 100'000);
        maybe(knobs.batch_bytes, 0, 20'000);
        maybe(knobs.checkpoint_bytes, 1'000, 300'000);
        maybe(knobs.checkpoint_ms, 20, 60'000);
        maybe(knobs.rows, 0, 20);
        maybe(knobs.session_streams, 8, 64);
        maybe(knobs.session_runs, 1, 64);
        maybe(knobs.session_queue_bytes, 200, 20'000);
        maybe(knobs.page_bytes, 100, 20'000);
        maybe(knobs.page_streams, 0, 16);
        maybe(knobs.credit_bytes, 300, 20'000);
        maybe(knobs.flight_bytes, 100, 50'000);
        maybe(knobs.write_bytes, 0, 20'000);
        maybe(knobs.window_bytes, 500, 50'000);
        maybe(knobs.delay_us, 0, 200'000);
        maybe(knobs.jitter_us, 0, 400'000);
        maybe(knobs.disk_us, 0, 50'000);
        if (profile_is_sparse()) {  // timers that fire for weeks
            knobs.checkpoint_ms = std::max<std::uint64_t>(knobs.checkpoint_ms, 600'000);
            knobs.tick_ms = 10'000;
        }
    }

    void subscribe_and_publish(std::uint64_t device) {
        auto random = root_.child("workload/" + std::to_string(device));
        auto const streams_read = random.below(plan_.streams + 1);
        for (std::uint64_t n = 0; n < streams_read; ++n) {
            auto& step = add(random, Verb::subscribe, device);
            step[Arg::stream] = random.below(plan_.streams);
            step[Arg::how] = random.chance(1, 6) ? random.below(3) : 0;
            step.at = random.chance(2, 3) ? Duration{} : step.at;
        }
        auto const publishes = random.below(shape_.publishes_max + 1);
        auto const favourite = random.below(plan_.streams);
        bool const guards = random.chance(1, 3);
        bool const needs_window = random.chance(1, 3);
        auto const burst = 1 + random.below(8);
        Duration at{};
        for (std::uint64_t n = 0; n < publishes; ++n) {
            auto& step = add(random, Verb::publish, device);
            at = n % burst == 0 ? step.at : at;
            step.at = at;
            step[Arg::stream] = random.chance(2, 3) ? favourite : random.below(plan_.streams);
            step[Arg::count] = log_uniform(random, 6);
            step[Arg::bytes] = log_uniform(random, random.chance(1, 40) ? 30'000 : 200);
            step[Arg::how] = (guards && random.chance(1, 4) ? 1 + 4 * random.below(2) : 0) +
                             (needs_window && random.chance(1, 2) ? 2 : 0);
        }
        if (random.chance(1, 4)) {
            auto& step = add(random, Verb::unsubscribe, device);
            step[Arg::stream] = random.below(plan_.streams);
        }
    }

    bool profile_is_sparse() const { return plan_.profile == Profile::sparse; }

    /// The application is opened now and then, and what is done in it is done then.
    void go_away(std::uint64_t device) {
        auto random = root_.child("away/" + std::to_string(device));
        std::vector<std::pair<Duration, Duration>> open;
        for (Duration at{}; at < plan_.horizon;) {
            auto const end = at + milliseconds(log_uniform(random, 2 * 3'600'000));
            open.emplace_back(at, end);
            Step step;
            step.at = end;
            step.verb = Verb::kill_device;
            step[Arg::device] = device;
            step[Arg::ms] = log_uniform(random, shape_.outage_ms_max);
            plan_.steps.push_back(step);
            at = end + step.lasting();
        }
        for (auto& step : plan_.steps) {
            if (step[Arg::device] == device && step.verb == Verb::publish && random.chance(9, 10)) {
                auto const& [first, end] = open[random.below(open.size())];
                auto const length = static_cast<std::uint64_t>((end - first).count());
                step.at = first + Duration(random.below(length));
            }
        }
        std::erase_if(plan_.steps, [this](Step const& step) { return step.at >= plan_.horizon; });
    }

    /// A step at any time of the run.
    Step& add(SimRandom& random, Verb verb, std::uint64_t device) {
        Step step;
        auto const horizon = static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(plan_.horizon).count());
        step.at = std::chrono::microseconds(random.below(horizon));
        step.verb = verb;
        step[Arg::device] = device;
        plan_.steps.push_back(step);
        return plan_.steps.back();
    }

    /// The swarm: most kinds are left out of most runs, so that each gets room.
    void add_faults() {
        auto features = root_.child("features");
        for (std::size_t n = 0; n < kVerbs; ++n) {
            auto const verb = static_cast<Verb>(n);
            bool const chosen = features.chance(1, is_rare(verb) ? 8 : 3) || is_typical(verb);
            if (info(verb).is_fault && chosen) {
                add_faults_of(verb);
            }
        }
    }

    /// Whatever changes what a run promises.
    static bool is_rare(Verb verb) {
        return verb == Verb::image_device || verb == Verb::backup || verb == Verb::flip_bit;
    }
    bool is_typical(Verb verb) const {
        if (plan_.profile == Profile::crash) {
            return verb == Verb::kill_server || verb == Verb::power_server;
        }
        return plan_.profile == Profile::sparse && verb == Verb::cut;
    }

    void add_faults_of(Verb verb) {
        auto random = root_.child("fault/" + std::string(info(verb).name));
        auto const count = log_uniform(random, shape_.faults_max * (verb == Verb::stray ? 8 : 1));
        for (std::uint64_t n = 0; n < count; ++n) {
            auto& step = add(random, verb, random.below(plan_.devices));
            step[Arg::count] = 1 + log_uniform(random, 200);
            step[Arg::how] = random.below(4);
            step[Arg::ms] = log_uniform(random, lasts_at_most(verb));
            add_second_half(step, random);
        }
    }

    std::uint64_t lasts_at_most(Verb verb) const {
        switch (verb) {
            case Verb::kill_server:
            case Verb::power_server:
            case Verb::flush_error:
            case Verb::flip_bit:
            case Verb::restore:
                return shape_.down_ms_max;
            case Verb::slow_disk:
                return 10'000;
            case Verb::disk_full:
                return 60'000;
            case Verb::lag:
                return 5'000;
            case Verb::stall:
                return 30'000;
            case Verb::jump:
                return 3'650 * kDayMs;
            default:
                return shape_.outage_ms_max;
        }
    }

    /// An image is good for nothing until it takes the place of what went on without it.
    void add_second_half(Step const& first, SimRandom& random) {
        if (first.verb != Verb::image_device && first.verb != Verb::backup) {
            return;
        }
        auto step = first;
        step.verb = first.verb == Verb::backup ? Verb::restore : Verb::restore_device;
        step.at += (plan_.horizon - step.at) / static_cast<int>(1 + random.below(16));
        step[Arg::ms] = log_uniform(random, lasts_at_most(step.verb));
        plan_.steps.push_back(step);
    }

    SimRandom root_;
    Shape shape_;
    Plan plan_;
};

}  // namespace

Plan make_plan(std::uint64_t seed, Profile profile) {
    return PlanMaker(seed, profile).make();
}

}  // namespace capstan::simulator
