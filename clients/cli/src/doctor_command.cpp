#include <algorithm>
#include <capstan/engine/os/system_clock.hpp>
#include <capstan/sequencer/backup.hpp>
#include <capstan/sequencer/data_check.hpp>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "metrics_page.hpp"
#include "offline_work.hpp"
#include "remote.hpp"

/// `capstan doctor`: looks at everything that a command needs, one thing after another, and says
/// what to do about what is wrong.
namespace capstan::cli {
namespace {

namespace fs = std::filesystem;

struct Finding {
    enum State : std::uint8_t { ok, warning, failed, skipped };
    State state = ok;
    std::string detail;
    std::string next;            // what to do; empty where nothing is to be done
    std::optional<Errc> code{};  // of what failed
};

constexpr std::string_view kStates[] = {"ok", "warning", "failed", "skipped"};
/// Slower than this is worth a look.
constexpr double kSlowSeconds = 1.0;

Finding failure(Error const& error) {
    return {Finding::failed, to_string(error), std::string(describe(error.code).next), error.code};
}

template <class Work>
Finding timed(std::string const& what, Work work) {
    auto const started = std::chrono::steady_clock::now();
    Result<> const done = work();
    auto const seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    if (!done) {
        return failure(done.error());
    }
    auto const text = what + " in " + std::to_string(std::llround(seconds * 1'000)) + " ms";
    return seconds < kSlowSeconds
               ? Finding{Finding::ok, text, {}}
               : Finding{Finding::warning, text, "Look at the network, and at `capstan top`."};
}

Finding look_at_http(Context& context, Remote const& remote) {
    return timed(context.globals.server + " took the token and answered", [&]() -> Result<> {
        CAPSTAN_TRY(remote.http("GET", "/v1/streams?limit=1"));
        return success();
    });
}

/// A proxy may let HTTP through and no WebSocket.
Finding look_at_sync(Remote const& remote) {
    auto finding = timed("a WebSocket was greeted", [&]() -> Result<> {
        CAPSTAN_TRY(remote.find("capstan/doctor"));
        return success();
    });
    if (finding.code == Errc::denied) {  // it was answered, and that is what counts
        return {Finding::ok, "a WebSocket was greeted", {}};
    }
    if (finding.state == Finding::failed) {
        finding.next += " Where HTTP works and this does not, a proxy stops WebSockets.";
    }
    return finding;
}

Finding look_at_admin(Context& context, Doctor const& command) {
    auto const page = admin_page(context, command.admin, "/readyz");
    if (!page) {
        bool const is_elsewhere = page.error().code == Errc::unavailable && !command.admin_is_given;
        return is_elsewhere ? Finding{Finding::skipped,
                                      "no admin port at " + command.admin,
                                      "On the server's machine, or with --admin."}
                            : failure(page.error());
    }
    auto const json = nlohmann::json::parse(page.value(), nullptr, false);
    auto const phase = json.is_object() ? json.value("phase", "") : std::string();
    if (phase == "serving") {
        return {Finding::ok, "the server serves", {}};
    }
    return {Finding::warning,
            "the server is " + phase + ": " + (json.is_object() ? json.value("reason", "") : ""),
            "See the runbook, by this symptom."};
}

/// Where devices of this machine keep their outbox.
Finding look_at_state(Remote const& remote) {
    fs::path const directory = remote.device_directory();
    auto const probe = directory / "doctor";
    std::error_code failed;
    fs::create_directories(directory, failed);
    bool const written = !failed && (std::ofstream(probe) << "probe").flush().good();
    fs::remove(probe, failed);
    if (written) {
        return {Finding::ok, "devices of this machine are kept in " + directory.string(), {}};
    }
    return {Finding::failed,
            directory.string() + " cannot be written",
            "Set HOME or XDG_STATE_HOME to a directory of this user.",
            Errc::disk_io};
}

Finding look_at_disk(std::string const& directory) {
    std::error_code error;
    auto const space = fs::space(directory, error);
    if (error || space.capacity == 0) {
        return failure({Errc::disk_io, directory + ": " + error.message()});
    }
    auto const free_percent = 100 * space.available / space.capacity;
    auto const text = std::to_string(space.available >> 20) + " MiB free (" +
                      std::to_string(free_percent) + " %) at " + directory;
    constexpr std::uintmax_t kFreePercent = 10;
    return free_percent >= kFreePercent
               ? Finding{Finding::ok, text, {}}
               : Finding{Finding::warning, text, "Free space, or move the directory."};
}

/// Every byte of the journal, beside a server that serves.
Finding look_at_data(Context& context, std::string const& directory) {
    OfflineWork work(context, "Read");
    auto const report = check_data(directory, {.on_bytes = work.on_bytes()});
    if (!report) {
        return failure(report.error());
    }
    auto const wrong = std::ranges::find_if(
        report.value().problems,
        [](DataProblem const& problem) { return problem.severity != Severity::harmless; });
    if (wrong == report.value().problems.end()) {
        return {
            Finding::ok,
            "nothing is wrong up to position " + std::to_string(report.value().journal.last.value),
            {}};
    }
    return {Finding::failed,
            to_string(*wrong),
            "capstan verify " + directory + ", then the runbook: Damaged journal.",
            Errc::journal_corrupt};
}

Finding look_at_backups(std::string const& directory) {
    auto const newest = find_backup(directory, {});
    if (!newest) {
        return failure(newest.error());
    }
    auto const micros = SystemClock().wall().micros - newest.value().created.micros;
    auto const hours = micros / 3'600'000'000;
    auto const text = "the newest backup is " + std::to_string(hours) + " h old";
    constexpr std::int64_t kDay = 25;
    return hours < kDay
               ? Finding{Finding::ok, text, {}}
               : Finding{Finding::warning, text, "capstan backup create DATA " + directory};
}

class Report {
  public:
    explicit Report(Context& context)
        : context_(context),
          rows_(context.output,
                {{.key = "check"},
                 {.key = "state"},
                 {.key = "detail", .shrinks = true},
                 {.key = "next", .shrinks = true}}) {}

    void add(std::string const& check, Finding const& finding) {
        rows_.add({check,
                   std::string(kStates[finding.state]),
                   finding.detail,
                   finding.next.empty() ? Cell{} : Cell{finding.next}});
        if (finding.state == Finding::failed && !context_.code) {
            context_.code = exit_code(finding.code.value_or(Errc::internal));
        }
    }
    void end() { rows_.end(); }

  private:
    Context& context_;
    Rows rows_;
};

}  // namespace

Result<> execute(Context& context, Doctor const& command) {
    Report report(context);
    auto const remote = Remote::open(context);
    if (remote) {
        report.add("http", look_at_http(context, remote.value()));
        report.add("sync", look_at_sync(remote.value()));
        report.add("state", look_at_state(remote.value()));
    } else {
        report.add("http", failure(remote.error()));
    }
    report.add("server", look_at_admin(context, command));
    if (!command.data.empty()) {
        report.add("disk", look_at_disk(command.data));
        report.add("journal", look_at_data(context, command.data));
    }
    if (!command.backups.empty()) {
        report.add("backup", look_at_backups(command.backups));
    }
    report.end();
    return success();
}

}  // namespace capstan::cli
