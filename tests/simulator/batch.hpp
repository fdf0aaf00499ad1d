// Many runs one after another, and what is told about them.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "plan.hpp"
#include "world.hpp"

namespace capstan::simulator {

/// What all runs of a batch did together.
struct Totals {
    std::uint64_t runs = 0;
    std::uint64_t tasks = 0;
    std::uint64_t writes = 0;
    std::uint64_t events = 0;
    Duration simulated{};
    Duration slowest_recovery{};
    Duration took{};           // processor time
    std::uint64_t traces = 0;  // a hash over the traces of all of them
    std::map<std::string, std::uint64_t> marks;

    void add(Outcome const& outcome);
    Totals& operator+=(Totals const& other);
};
std::string to_string(Totals const& totals);

struct Failure {
    Plan plan;
    Outcome outcome;
};

struct BatchOptions {
    Profile profile = Profile::dense;
    std::uint64_t first_seed = 1;
    std::uint64_t seeds = 1;
    std::optional<Duration> time_max;  // processor time; then no further seed is begun
    bool twice = false;                // each run again: equal traces (I36)
};

/// Runs seeds until one fails.
std::optional<Failure> run_batch(BatchOptions const& options, Totals& totals);

/// Runs one plan, behind the guard; with `twice`, once more (I36).
Outcome run_guarded(Plan const& plan, bool twice);

/// Prints what failed, the end of the trace, and how to see it again; shrinks the plan within a
/// time and keeps it in a file below `directory`.
void report(Failure failure, Duration shrink_max, std::string const& directory);

/// What a good batch must reach (I37), one name a line.
using Marks = std::set<std::string>;
/// Lines that start with `#`, and empty ones, are left out.
Marks parse_marks(std::string_view text);

/// Prints how often each mark was reached. `required`: of these none may be missing, and no other
/// may be there, so that the list stays complete. True if all is as required.
bool report_marks(Totals const& totals, std::optional<Marks> const& required);

/// Processor time that this process has used, so that a busy machine changes nothing. Not inside a
/// run.
Duration processor_now();

}  // namespace capstan::simulator
