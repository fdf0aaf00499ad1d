#include <capstan/engine/os/system_clock.hpp>
#include <capstan/engine/os/system_random.hpp>
#include <capstan/sequencer/backup.hpp>

#include "commands.hpp"
#include "offline_work.hpp"

namespace capstan::cli {
namespace {

std::vector<Column> const& columns() {
    static std::vector<Column> const all{{.key = "number", .right = true},
                                         {.key = "created_us", .right = true},
                                         {.key = "position", .right = true},
                                         {.key = "bytes", .right = true},
                                         {.key = "bytes_added", .right = true},
                                         {.key = "lineage"}};
    return all;
}

std::vector<Cell> cells(BackupManifest const& manifest) {
    return {std::uint64_t{manifest.number},
            manifest.created.micros,
            manifest.end.position.value,
            manifest.bytes(),
            manifest.bytes_added,
            to_string(Generation{manifest.lineage.value})};
}

}  // namespace

Result<> execute(Context& context, BackupCreate const& command) {
    OfflineWork work(context, "Backed up", command.bytes_per_second);
    CAPSTAN_TRY(
        auto const manifest,
        create_backup(command.directory, command.backups, SystemClock().wall(), work.on_bytes()));
    show(context.output, columns(), cells(manifest));
    context.output.note("Next: capstan backup verify " + command.backups);
    return success();
}

Result<> execute(Context& context, BackupList const& command) {
    CAPSTAN_TRY(auto const manifests, list_backups(command.backups));
    Rows rows(context.output, columns());
    for (auto const& manifest : manifests) {
        rows.add(cells(manifest));
    }
    rows.end();
    return success();
}

Result<> execute(Context& context, BackupVerify const& command) {
    OfflineWork work(context, "Checked");
    CAPSTAN_TRY(auto const manifest, find_backup(command.backups, command.number));
    CAPSTAN_TRY(auto const report, verify_backup(command.backups, manifest, work.on_bytes()));
    for (auto const& problem : report.problems) {
        if (problem.is_damage()) {
            context.output.note(to_string(problem));
        }
    }
    auto shown = columns();
    auto values = cells(manifest);
    shown.push_back({.key = "sound"});
    values.emplace_back(report.is_sound());
    show(context.output, shown, values);
    if (!report.is_sound()) {
        context.code = ExitCode::integrity;
    }
    return success();
}

Result<> execute(Context& context, BackupRestore const& command) {
    OfflineWork work(context, "Restored");
    SystemRandom random;
    CAPSTAN_TRY(auto const manifest, find_backup(command.backups, command.number));
    CAPSTAN_TRY(auto const report,
                restore_backup(command.backups,
                               manifest,
                               command.directory,
                               {.at = command.at},
                               random,
                               work.on_bytes()));
    show(context.output,
         {{.key = "position"},
          {.key = "lineage"},
          {.key = "streams"},
          {.key = "events"},
          {.key = "state_hash"}},
         {report.position.value,
          to_string(Generation{report.lineage.value}),
          report.streams,
          report.events,
          to_string(Generation{report.state_hash})});
    context.output.note("Next: capstand --data-dir " + command.directory);
    return success();
}

}  // namespace capstan::cli
