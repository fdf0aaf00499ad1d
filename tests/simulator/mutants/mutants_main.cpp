// capstan_sim_mutants: the test of the test. Runs the simulator against each planted bug until it
// is found, and prints how long that took. See docs/simulator.md.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "batch.hpp"

namespace capstan::simulator {
namespace {

constexpr std::array kNames{
#include "mutant_names.inc"
};
constexpr int kMutants = static_cast<int>(kNames.size());
constexpr std::array kProfiles{Profile::crash, Profile::dense, Profile::sparse};

int chosen = 0;  // 1 for the first one; 0 for none

double seconds_since(Duration start) {
    return std::chrono::duration<double>(processor_now() - start).count();
}

double seconds_of(rusage const& used) {
    auto const of = [](timeval const& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return of(used.ru_utime) + of(used.ru_stime);
}

/// One seed of each profile after another. Prints the row of the table; true if it was found.
bool hunt(int mutant, double seconds_max) {
    chosen = mutant;
    auto const start = processor_now();
    Totals totals;
    for (std::uint64_t seed = 1; seconds_since(start) < seconds_max; ++seed) {
        for (auto const profile : kProfiles) {
            BatchOptions const options{
                .profile = profile, .first_seed = seed, .seeds = 1, .time_max = {}};
            auto const failure = run_batch(options, totals);
            if (!failure) {
                continue;
            }
            fmt::print("{:>2} {:<50} {:>6.2f} s {:>5} runs  {} profile={} seed={}: {}\n",
                       mutant,
                       kNames[static_cast<std::size_t>(mutant - 1)],
                       seconds_since(start),
                       totals.runs,
                       failure->outcome.violation->invariant,
                       to_string(profile),
                       seed,
                       failure->outcome.violation->what);
            return true;
        }
    }
    fmt::print("{:>2} {:<50} {:>6.2f} s {:>5} runs  NOT FOUND\n",
               mutant,
               kNames[static_cast<std::size_t>(mutant - 1)],
               seconds_since(start),
               totals.runs);
    return false;
}

/// In a process of its own: a planted bug may crash it, and is found then, too. Adds up the
/// processor time.
bool hunt_apart(int mutant, double seconds_max, double& seconds_used) {
    std::fflush(stdout);
    auto const child = fork();
    if (child == 0) {
        bool const found = hunt(mutant, seconds_max);
        std::fflush(stdout);
        std::_Exit(found ? 0 : 1);
    }
    int status = 0;
    rusage used{};
    wait4(child, &status, 0, &used);
    seconds_used += seconds_of(used);
    if (WIFSIGNALED(status)) {
        fmt::print("{:>2} {:<50} {:>6.2f} s             ended by signal {}\n",
                   mutant,
                   kNames[static_cast<std::size_t>(mutant - 1)],
                   seconds_of(used),
                   WTERMSIG(status));
        return true;
    }
    return WEXITSTATUS(status) == 0;
}

int hunt_all(int only, double seconds_max) {
    double seconds_used = 0;
    int found = 0;
    int hunted = 0;
    for (int mutant = 1; mutant <= kMutants; ++mutant) {
        if (only == 0 || only == mutant) {
            ++hunted;
            found += hunt_apart(mutant, seconds_max, seconds_used) ? 1 : 0;
        }
    }
    fmt::print("{} of {} found in {:.1f} CPU-s\n", found, hunted, seconds_used);
    return found == hunted ? 0 : 1;
}

}  // namespace

/// What the changed copies ask.
bool planted(int mutant) {
    return mutant == chosen;
}

}  // namespace capstan::simulator

int main(int argc, char** argv) {
    int mutant = 0;
    double seconds = 60;
    CLI::App app{"Looks for planted bugs"};
    app.add_option("--mutant", mutant, "this one alone")
        ->check(CLI::Range(1, capstan::simulator::kMutants));
    app.add_option("--seconds", seconds, "at most so long for each");
    CLI11_PARSE(app, argc, argv);
    return capstan::simulator::hunt_all(mutant, seconds);
}
