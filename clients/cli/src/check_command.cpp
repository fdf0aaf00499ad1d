#include <algorithm>
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/engine/os/system_clock.hpp>
#include <capstan/sequencer/backup.hpp>
#include <capstan/sequencer/data_check.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "commands.hpp"
#include "remote.hpp"

namespace capstan::cli {
namespace {

/// The convention of Nagios, which is not that of our other commands.
enum class Level : std::uint8_t { ok = 0, warning = 1, critical = 2, unknown = 3 };

std::string_view to_string(Level level) {
    constexpr std::string_view names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    return names[static_cast<std::size_t>(level)];
}

struct Finding {
    Level level = Level::ok;
    std::string text;
    std::string figures;  // `label=value;warn;critical`
};

std::string decimal(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", value);
    return text;
}

Finding judge(Check const& command, std::string const& label, double value, std::string text) {
    auto const level = value >= command.critical ? Level::critical
                       : value >= command.warn   ? Level::warning
                                                 : Level::ok;
    return {level,
            std::move(text),
            label + "=" + decimal(value) + ";" + decimal(command.warn) + ";" +
                decimal(command.critical)};
}

double seconds_of(std::function<Result<>()> const& work, Result<>& result) {
    auto const started = std::chrono::steady_clock::now();
    result = work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

Result<Finding> check_connection(Context& context, Check const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    Result<> answered = success();
    auto const seconds = seconds_of(
        [&]() -> Result<> {
            CAPSTAN_TRY(remote.http("GET", "/v1/streams?limit=1"));
            return success();
        },
        answered);
    CAPSTAN_TRY(answered);
    return judge(command,
                 "seconds",
                 seconds,
                 context.globals.server + " answered in " + decimal(seconds) + " s");
}

/// Keyless: each try is an event of its own.
Result<Finding> check_append(Context& context, Check const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    Result<> appended = success();
    auto const seconds = seconds_of(
        [&]() -> Result<> {
            CAPSTAN_TRY(remote.append_text(command.target, "capstan check append"));
            return success();
        },
        appended);
    CAPSTAN_TRY(appended);
    return judge(command, "seconds", seconds, "stored in " + decimal(seconds) + " s");
}

Result<Finding> check_disk(Context&, Check const& command) {
    std::error_code error;
    auto const space = std::filesystem::space(command.target, error);
    if (error || space.capacity == 0) {
        return Error{Errc::disk_io, command.target + ": " + error.message()};
    }
    auto const used =
        100.0 * (1.0 - static_cast<double>(space.available) / static_cast<double>(space.capacity));
    return judge(command,
                 "used_percent",
                 used,
                 decimal(used) + " % used, " + std::to_string(space.available >> 20) +
                     " MiB free at " + command.target);
}

Result<Finding> check_journal(Context&, Check const& command) {
    CAPSTAN_TRY(auto const report, check_data(command.target, {}));
    auto const position = "position=" + std::to_string(report.journal.last.value);
    auto const found = std::ranges::find_if(report.problems, [](DataProblem const& problem) {
        return problem.severity != Severity::harmless;
    });
    if (found == report.problems.end()) {
        return Finding{Level::ok,
                       "nothing wrong up to position " + std::to_string(report.journal.last.value),
                       position};
    }
    bool const damage = std::ranges::any_of(report.problems, [](DataProblem const& problem) {
        return problem.severity == Severity::damage;
    });
    return Finding{damage ? Level::critical : Level::warning, capstan::to_string(*found), position};
}

Result<Finding> check_backup(Context&, Check const& command) {
    CAPSTAN_TRY(auto const newest, find_backup(command.target, {}));
    auto const micros = SystemClock().wall().micros - newest.created.micros;
    auto const hours = static_cast<double>(micros) / 3.6e9;
    return judge(command,
                 "hours",
                 hours,
                 "backup " + std::to_string(newest.number) + " up to position " +
                     std::to_string(newest.end.position.value) + " is " + decimal(hours) +
                     " h old");
}

Result<Finding> check(Context& context, Check const& command) {
    switch (command.kind) {
        case CheckKind::connection:
            return check_connection(context, command);
        case CheckKind::append:
            return check_append(context, command);
        case CheckKind::disk:
            return check_disk(context, command);
        case CheckKind::journal:
            return check_journal(context, command);
        case CheckKind::backup:
            return check_backup(context, command);
    }
    return Error{Errc::usage, "no such check"};
}

/// What can't be asked is unknown; a server that does not answer, and a backup that isn't there,
/// are critical.
Finding finding_of(Error const& error) {
    switch (error.code) {
        case Errc::usage:
        case Errc::config_invalid:
        case Errc::disk_io:
        case Errc::token_invalid:
        case Errc::denied:
            return {Level::unknown, capstan::to_string(error), {}};
        default:
            return {Level::critical, capstan::to_string(error), {}};
    }
}

}  // namespace

Result<> execute(Context& context, Check const& command) {
    auto const checked = check(context, command);
    auto const finding = checked ? checked.value() : finding_of(checked.error());
    auto line = std::string(to_string(finding.level)) + " - " + printable(finding.text);
    if (!finding.figures.empty()) {
        line += " | " + finding.figures;
    }
    context.output.write(line + "\n");
    context.code = static_cast<ExitCode>(finding.level);
    return success();
}

}  // namespace capstan::cli
