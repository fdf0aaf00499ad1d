#include <cmath>
#include <fstream>

#include "commands.hpp"
#include "data_report.hpp"
#include "offline_work.hpp"

namespace capstan::cli {
namespace {

Result<> write_report(std::string const& path, std::string const& json) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << json;
    file.flush();
    return file ? success() : Result<>(Error{Errc::disk_io, path + ": cannot be written"});
}

JsonText json_list(std::vector<DataProblem> const& problems) {
    std::string json = "[";
    for (auto const& problem : problems) {
        json += (json.size() == 1 ? "" : ",") + json_string(to_string(problem));
    }
    return {json + "]"};
}

void note_findings(Context& context, DataReport const& report) {
    if (report.journal.locked_by) {
        context.output.note("Process " + std::to_string(*report.journal.locked_by) +
                            " serves meanwhile: checked up to position " +
                            std::to_string(report.journal.last.value) + ".");
    }
    for (auto const& problem : report.problems) {
        bool const harmless = problem.severity == Severity::harmless;
        context.output.note((harmless ? "Harmless, the next start mends it: " : "") +
                            to_string(problem));
    }
    if (report.deep && !report.folded && report.is_sound()) {
        context.output.note("The journal's beginning is not there: it was not folded again.");
    }
    if (!report.is_sound()) {
        context.output.note("Next: capstan repair plan, on a stopped server.");
    }
}

}  // namespace

Result<> execute(Context& context, Verify const& command) {
    OfflineWork work(context, "Checked", command.bytes_per_second);
    CAPSTAN_TRY(auto const report,
                check_data(command.directory, {.deep = command.deep, .on_bytes = work.on_bytes()}));
    if (!command.report.empty()) {
        CAPSTAN_TRY(write_report(command.report, to_json(report, command.directory)));
    }
    note_findings(context, report);
    auto const& journal = report.journal;
    auto const count = [&](std::uint64_t value) { return report.deep ? Cell(value) : Cell(); };
    show(context.output,
         {{.key = "segments"},
          {.key = "frames"},
          {.key = "submissions"},
          {.key = "bytes"},
          {.key = "last_position"},
          {.key = "chain"},
          {.key = "streams"},
          {.key = "events"},
          {.key = "malformed"},
          {.key = "checkpoint"},
          {.key = "deep"},
          {.key = "seconds"},
          {.key = "problems"}},
         {journal.segments,
          journal.frames,
          journal.submissions,
          journal.bytes,
          journal.last.value,
          to_string(journal.chain),
          count(report.streams),
          count(report.events),
          count(report.malformed),
          report.checkpoint ? Cell(report.checkpoint->position.value) : Cell(),
          report.deep,
          std::round(work.seconds() * 1000) / 1000,
          json_list(report.problems)});
    if (!report.is_sound()) {
        context.code = ExitCode::integrity;
    }
    return success();
}

}  // namespace capstan::cli
