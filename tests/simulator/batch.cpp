#include "batch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <utility>

#include "guard.hpp"
#include "shrink.hpp"

namespace capstan::simulator {
namespace {

/// The order matters: FNV-1a by words.
std::uint64_t mixed(std::uint64_t hash, std::uint64_t next) {
    return (hash ^ next) * 0x100000001b3;
}

}  // namespace

Duration processor_now() {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return std::chrono::seconds(used.tv_sec) +
           std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(used.tv_nsec));
}

void Totals::add(Outcome const& outcome) {
    ++runs;
    tasks += outcome.tasks;
    writes += outcome.writes;
    events += outcome.events;
    simulated += outcome.simulated;
    slowest_recovery = std::max(slowest_recovery, outcome.recovery);
    traces = mixed(traces, outcome.trace_hash);
    for (auto const& [name, count] : outcome.marks) {
        marks[name] += count;
    }
}

Totals& Totals::operator+=(Totals const& other) {
    runs += other.runs;
    tasks += other.tasks;
    writes += other.writes;
    events += other.events;
    simulated += other.simulated;
    slowest_recovery = std::max(slowest_recovery, other.slowest_recovery);
    took += other.took;
    traces = mixed(traces, other.traces);
    for (auto const& [name, count] : other.marks) {
        marks[name] += count;
    }
    return *this;
}

std::string to_string(Totals const& totals) {
    using Seconds = std::chrono::duration<double>;
    auto const took = Seconds(totals.took).count();
    auto const hours = Seconds(totals.simulated).count() / 3'600;
    return fmt::format(
        "{} seeds in {:.1f} CPU-s: {:.1f} seeds/s, {:.0f} events/s, {:.0f} tasks/s, {:.1f} "
        "simulated "
        "hours per CPU-minute; {} writes, {} events, {:.2f} simulated hours, at rest after {:.1f} "
        "s "
        "at most; traces {:016x}",
        totals.runs,
        took,
        static_cast<double>(totals.runs) / took,
        static_cast<double>(totals.events) / took,
        static_cast<double>(totals.tasks) / took,
        hours / took * 60,
        totals.writes,
        totals.events,
        hours,
        Seconds(totals.slowest_recovery).count(),
        totals.traces);
}

Marks parse_marks(std::string_view text) {
    Marks marks;
    while (!text.empty()) {
        auto const line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (!line.empty() && !line.starts_with('#')) {
            marks.emplace(line);
        }
    }
    return marks;
}

bool report_marks(Totals const& totals, std::optional<Marks> const& required) {
    bool is_complete = true;
    for (auto const& [mark, count] : totals.marks) {
        bool const is_listed = !required || required->contains(mark);
        is_complete = is_complete && is_listed;
        fmt::print("sometimes {:>8} {}{}\n", count, mark, is_listed ? "" : ": NOT IN THE LIST");
    }
    if (!required) {
        return true;
    }
    std::size_t reached = 0;
    for (auto const& mark : *required) {
        if (totals.marks.contains(mark)) {
            ++reached;
        } else {
            fmt::print("FAIL I37 never reached: {}\n", mark);
        }
    }
    fmt::print("{} of {} required marks reached\n", reached, required->size());
    return is_complete && reached == required->size();
}

Outcome run_guarded(Plan const& plan, bool twice) {
    Guard const guard;
    auto outcome = run(plan);
    if (twice && !outcome.violation) {
        auto const again = run(plan);
        if (again.trace_hash != outcome.trace_hash) {
            outcome.violation = Violation{"I36", "the same plan gives another trace"};
        }
    }
    return outcome;
}

std::optional<Failure> run_batch(BatchOptions const& options, Totals& totals) {
    auto const start = processor_now();
    std::optional<Failure> failure;
    for (std::uint64_t n = 0; n < options.seeds && !failure; ++n) {
        if (options.time_max && processor_now() - start > *options.time_max) {
            break;
        }
        auto plan = make_plan(options.first_seed + n, options.profile);
        auto outcome = run_guarded(plan, options.twice);
        totals.add(outcome);
        if (outcome.violation) {
            failure = Failure{std::move(plan), std::move(outcome)};
        }
    }
    totals.took += processor_now() - start;
    return failure;
}

namespace {

std::string headline(Plan const& plan, Outcome const& outcome) {
    return fmt::format("FAIL {} seed={} profile={} devices={} streams={} steps={} t={:.6f}: {}",
                       outcome.violation->invariant,
                       plan.seed,
                       to_string(plan.profile),
                       plan.devices,
                       plan.streams,
                       plan.steps.size(),
                       std::chrono::duration<double>(outcome.failed_at.since_start).count(),
                       outcome.violation->what);
}

}  // namespace

void report(Failure failure, Duration shrink_max, std::string const& directory) {
    auto const found = headline(failure.plan, failure.outcome);
    auto const seed = failure.plan.seed;
    auto const profile = failure.plan.profile;
    auto const end = processor_now() + shrink_max;
    auto const small = shrink(std::move(failure.plan), std::move(failure.outcome), [end] {
        return processor_now() < end;
    });
    for (auto const& line : small.outcome.last_lines) {
        fmt::print("{}\n", line);
    }
    fmt::print("{}\n", found);
    fmt::print("replay: capstan_sim --profile {} --seed {}\n", to_string(profile), seed);
    if (directory.empty()) {
        return;
    }
    auto const path = fmt::format("{}/{}-{}-{}.plan",
                                  directory,
                                  small.outcome.violation->invariant,
                                  to_string(profile),
                                  seed);
    std::ofstream out(path);
    out << "# " << headline(small.plan, small.outcome) << '\n' << to_text(small.plan);
    fmt::print("shrunk in {} tries: {}\n", small.tries, headline(small.plan, small.outcome));
    fmt::print("replay: capstan_sim --plan {}\n", path);
}

}  // namespace capstan::simulator
