// Many runs one after another, and what is told about them.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
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
    Duration took{};  // real time
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
    std::optional<Duration> time_max;  // real time; then no further seed is begun
    bool twice = false;                // each run again: equal traces (I36)
};

/// Runs seeds until one fails.
std::optional<Failure> run_batch(BatchOptions const& options, Totals& totals);

/// Runs one plan, behind the guard; with `twice`, once more (I36).
Outcome run_guarded(Plan const& plan, bool twice);

/// Prints what failed, the end of the trace, and how to see it again; shrinks the plan within a
/// time and keeps it in a file below `directory`.
void report(Failure failure, Duration shrink_max, std::string const& directory);

/// Real time. Not inside a run.
Duration real_now();

}  // namespace capstan::simulator
