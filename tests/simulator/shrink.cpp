#include "shrink.hpp"

#include <algorithm>
#include <utility>

namespace capstan::simulator {
namespace {

/// As the text of a plan has it.
Duration whole_ms(Duration time) {
    return std::chrono::ceil<std::chrono::milliseconds>(time);
}

class Shrinker {
  public:
    Shrinker(Plan plan, Outcome outcome, std::function<bool()> const& may_go_on)
        : best_{std::move(plan), std::move(outcome)}, may_go_on_(may_go_on) {}

    Shrunk shrink() {
        end_at_failure();
        std::size_t before = 0;
        do {
            before = best_.plan.steps.size();
            drop_verbs();
            drop_devices();
            drop_steps();
        } while (best_.plan.steps.size() < before && may_go_on_());
        reset_knobs();
        drop_unused_devices();
        shorten();
        return std::move(best_);
    }

  private:
    bool still_fails(Plan plan) {
        if (!may_go_on_()) {
            return false;
        }
        ++best_.tries;
        auto outcome = run(plan);
        bool const same =
            outcome.violation && outcome.violation->invariant == best_.outcome.violation->invariant;
        if (same) {
            best_.plan = std::move(plan);
            best_.outcome = std::move(outcome);
        }
        return same;
    }

    /// Nothing behind the failure matters.
    void end_at_failure() {
        auto plan = best_.plan;
        auto const at = best_.outcome.failed_at.since_start;
        std::erase_if(plan.steps, [at](Step const& step) { return step.at > at; });
        plan.horizon = std::min(plan.horizon, whole_ms(at));
        still_fails(std::move(plan));
    }

    template <class Goes>
    void drop_if(Goes const& goes) {
        auto plan = best_.plan;
        if (std::erase_if(plan.steps, goes) > 0) {
            still_fails(std::move(plan));
        }
    }

    void drop_verbs() {
        for (std::size_t n = 0; n < kVerbs; ++n) {
            drop_if([n](Step const& step) { return step.verb == static_cast<Verb>(n); });
        }
    }

    void drop_devices() {
        for (std::uint64_t device = 0; device < best_.plan.devices; ++device) {
            drop_if([device](Step const& step) {
                return step.verb < Verb::kill_server && step[Arg::device] == device;
            });
        }
    }

    /// Halves, quarters, … single steps.
    void drop_steps() {
        auto size = best_.plan.steps.size() / 2;
        for (; size > 0; size /= 2) {
            for (std::size_t at = 0; at < best_.plan.steps.size();) {
                auto plan = best_.plan;
                auto const first = plan.steps.begin() + static_cast<std::ptrdiff_t>(at);
                auto const count = std::min(size, plan.steps.size() - at);
                plan.steps.erase(first, first + static_cast<std::ptrdiff_t>(count));
                at += still_fails(std::move(plan)) ? 0 : count;
            }
        }
    }

    void reset_knobs() {
        auto plan = best_.plan;
        plan.knobs = Knobs{};
        if (still_fails(std::move(plan))) {
            return;
        }
        for (auto const knob : knob_fields()) {
            plan = best_.plan;
            plan.knobs.*knob = Knobs{}.*knob;
            if (plan.knobs != best_.plan.knobs) {
                still_fails(std::move(plan));
            }
        }
    }

    void drop_unused_devices() {
        auto plan = best_.plan;
        plan.devices = 1;
        plan.streams = 1;
        for (auto const& step : plan.steps) {
            plan.devices = std::max(plan.devices, step[Arg::device] + 1);
            plan.streams = std::max(plan.streams, step[Arg::stream] + 1);
        }
        still_fails(std::move(plan));
    }

    void shorten() {
        auto plan = best_.plan;
        auto const last = plan.steps.empty() ? Duration{} : plan.steps.back().at;
        plan.horizon = std::min(plan.horizon, whole_ms(last + std::chrono::milliseconds(1)));
        still_fails(std::move(plan));
    }

    Shrunk best_;
    std::function<bool()> const& may_go_on_;
};

}  // namespace

Shrunk shrink(Plan plan, Outcome outcome, std::function<bool()> const& may_go_on) {
    return Shrinker(std::move(plan), std::move(outcome), may_go_on).shrink();
}

}  // namespace capstan::simulator
