#include <capstan/engine/os/system_random.hpp>
#include <capstan/sequencer/rebuild.hpp>
#include <capstan/sequencer/repair.hpp>
#include <cmath>

#include "commands.hpp"
#include "offline_work.hpp"

namespace capstan::cli {
namespace {

RepairOptions options_of(Repair const& command, OfflineWork& work) {
    RepairOptions options{.backups = {}, .on_bytes = work.on_bytes()};
    if (!command.backups.empty()) {
        options.backups = command.backups;
    }
    return options;
}

JsonText json_of(std::vector<RepairAction> const& actions) {
    std::string json = "[";
    for (auto const& action : actions) {
        json += (json.size() == 1 ? "" : ",") + json_string(to_string(action));
    }
    return {json + "]"};
}

JsonText json_of(std::vector<StreamLoss> const& losses) {
    std::string json = "[";
    for (auto const& loss : losses) {
        json += json.size() == 1 ? "" : ",";
        json += json_object(
            {{.key = "stream"}, {.key = "lost_from"}, {.key = "lost_to"}, {.key = "later_runs"}},
            {loss.stream, loss.kept.next().value, loss.last.value, loss.later});
    }
    return {json + "]"};
}

std::string to_text(StreamLoss const& loss) {
    auto text = "Stream " + loss.stream + " ends at seq " + std::to_string(loss.kept.value);
    if (loss.last > loss.kept) {
        text += "; lost or set aside: " + std::to_string(loss.kept.next().value) + ".." +
                std::to_string(loss.last.value);
    }
    if (loss.later > 0) {
        text += "; set aside behind that: " + std::to_string(loss.later) + " runs";
    }
    return text;
}

void show_plan(Context& context, RepairPlan const& plan) {
    for (auto const& action : plan.actions) {
        context.output.note(to_string(action));
    }
    for (auto const& loss : plan.losses) {
        context.output.note(to_text(loss));
    }
    show(context.output,
         {{.key = "actions"},
          {.key = "losses"},
          {.key = "last_position"},
          {.key = "streams"},
          {.key = "events"},
          {.key = "plan"}},
         {json_of(plan.actions),
          json_of(plan.losses),
          plan.position.value,
          plan.streams,
          plan.events,
          plan.hash});
}

Result<> plan(Context& context, Repair const& command) {
    OfflineWork work(context, "Checked");
    CAPSTAN_TRY(auto const plan, plan_repair(command.directory, options_of(command, work)));
    show_plan(context, plan);
    context.output.note(plan.actions.empty() ? "Nothing to do."
                                             : "Next: capstan repair apply " + command.directory +
                                                   " --plan " + plan.hash);
    return success();
}

}  // namespace

Result<> execute(Context& context, Repair const& command) {
    if (command.hash.empty()) {
        return plan(context, command);
    }
    CAPSTAN_TRY(auto const lock, DataLock::take(command.directory));
    OfflineWork work(context, "Repaired");
    SystemRandom random;
    CAPSTAN_TRY(auto const report,
                apply_repair(command.directory, options_of(command, work), command.hash, random));
    show_plan(context, report.plan);
    if (!report.plan.actions.empty()) {
        context.output.note("What was changed is kept in " + report.kept.string() + ".");
    }
    if (!report.as_predicted) {
        context.output.note("It did not come out as planned: capstan verify --deep tells how.");
        context.code = ExitCode::integrity;
    }
    return success();
}

Result<> execute(Context& context, Rebuild const& command) {
    CAPSTAN_TRY(auto const lock, DataLock::take(command.directory));
    OfflineWork work(context, "Folded");
    SystemRandom random;
    CAPSTAN_TRY(auto const report, rebuild_derived(command.directory, random, work.on_bytes()));
    auto const seconds = work.seconds();
    show(context.output,
         {{.key = "position"},
          {.key = "state_hash"},
          {.key = "streams"},
          {.key = "events"},
          {.key = "malformed"},
          {.key = "footers_written"},
          {.key = "old_position"},
          {.key = "old_agrees"},
          {.key = "seconds"},
          {.key = "events_per_second"}},
         {report.position.value,
          to_string(Generation{report.state_hash}),
          report.streams,
          report.events,
          report.malformed,
          report.footers_written,
          report.old_position ? Cell(report.old_position->value) : Cell(),
          report.old_position ? Cell(report.old_agrees) : Cell(),
          std::round(seconds * 1000) / 1000,
          std::round(static_cast<double>(report.events) / seconds)});
    if (report.old_position && !report.old_agrees) {
        context.output.note("The old index was not what the journal gives; index.replaced has it.");
        context.code = ExitCode::integrity;
    }
    return success();
}

}  // namespace capstan::cli
