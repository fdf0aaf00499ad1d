// capstan_sim: Capstan in one process, on virtual time. See docs/simulator.md.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "batch.hpp"

namespace {

using namespace capstan;
using namespace capstan::simulator;

struct Arguments {
    std::vector<std::string> profiles{"dense", "sparse", "crash"};
    std::uint64_t seed = 1;
    std::uint64_t seeds = 1;
    double seconds = 0;  // of processor time, for all profiles together; 0: no limit
    double shrink_seconds = 60;
    std::vector<std::string> plans;  // files, or folders of them
    std::string keep = ".";
    std::string required;  // a list of marks
    bool twice = false;
    bool print = false;
};

Result<std::string> read_text(std::filesystem::path const& path) {
    std::ifstream in(path);
    if (!in) {
        return Error{Errc::not_found, path.string()};
    }
    return std::string{std::istreambuf_iterator<char>(in), {}};
}

Result<Plan> read_plan(std::filesystem::path const& path) {
    CAPSTAN_TRY(auto const text, read_text(path));
    return parse_plan(text);
}

std::vector<std::filesystem::path> plan_files(std::vector<std::string> const& given) {
    std::vector<std::filesystem::path> files;
    for (auto const& path : given) {
        if (!std::filesystem::is_directory(path)) {
            files.emplace_back(path);
            continue;
        }
        for (auto const& entry : std::filesystem::directory_iterator(path)) {
            if (entry.path().extension() == ".plan") {
                files.push_back(entry.path());
            }
        }
    }
    std::ranges::sort(files);
    return files;
}

int run_plans(Arguments const& arguments) {
    int failed = 0;
    for (auto const& file : plan_files(arguments.plans)) {
        auto const plan = read_plan(file);
        if (!plan) {
            fmt::print("{}: {}\n", file.string(), capstan::to_string(plan.error()));
            return 2;
        }
        auto outcome = run_guarded(plan.value(), arguments.twice);
        if (!outcome.violation) {
            fmt::print("ok {}\n", file.string());
            continue;
        }
        ++failed;
        fmt::print("{}\n", file.string());
        report({plan.value(), std::move(outcome)}, Duration{}, "");
    }
    return failed == 0 ? 0 : 1;
}

int run_seeds(Arguments const& arguments) {
    Totals all;
    for (auto const& name : arguments.profiles) {
        auto const profile = parse_profile(name).value();
        if (arguments.print) {
            fmt::print("{}", to_text(make_plan(arguments.seed, profile)));
        }
        BatchOptions options{.profile = profile,
                             .first_seed = arguments.seed,
                             .seeds = arguments.seeds,
                             .time_max = {},
                             .twice = arguments.twice};
        if (arguments.seconds > 0) {
            auto const share = arguments.seconds / static_cast<double>(arguments.profiles.size());
            options.time_max = std::chrono::milliseconds(static_cast<std::int64_t>(share * 1'000));
        }
        Totals totals;
        auto failure = run_batch(options, totals);
        fmt::print("{}: {}\n", name, simulator::to_string(totals));
        all += totals;
        if (failure) {
            auto const shrink_ms = static_cast<std::int64_t>(arguments.shrink_seconds * 1'000);
            report(std::move(*failure), std::chrono::milliseconds(shrink_ms), arguments.keep);
            return 1;
        }
    }
    if (arguments.profiles.size() > 1) {
        fmt::print("all: {}\n", simulator::to_string(all));
    }
    std::optional<Marks> required;
    if (!arguments.required.empty()) {
        required = parse_marks(read_text(arguments.required).value());
    }
    return report_marks(all, required) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    CLI::App app{"Capstan in one process, on virtual time"};
    app.add_option("--profile", arguments.profiles, "dense, sparse, crash; all by default")
        ->delimiter(',')
        ->check(CLI::IsMember({"dense", "sparse", "crash"}));
    app.add_option("--seed", arguments.seed, "the first one");
    app.add_option("--seeds", arguments.seeds, "how many, of each profile");
    app.add_option(
        "--seconds", arguments.seconds, "begin no further seed after so much processor time");
    app.add_option("--sometimes", arguments.required, "a list of what must be reached (I37)")
        ->check(CLI::ExistingFile);
    app.add_option("--plan", arguments.plans, "run these plans, or those in these folders");
    app.add_option("--shrink-seconds", arguments.shrink_seconds, "to look for a smaller plan");
    app.add_option("--keep", arguments.keep, "where the smaller plan is written");
    app.add_flag("--twice", arguments.twice, "each run again: equal traces");
    app.add_flag("--print", arguments.print, "the plan of the first seed");
    CLI11_PARSE(app, argc, argv);
    return arguments.plans.empty() ? run_seeds(arguments) : run_plans(arguments);
}
