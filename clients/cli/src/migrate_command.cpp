#include <capstan/engine/os/system_random.hpp>
#include <capstan/sequencer/kafka_log.hpp>
#include <capstan/sequencer/migration.hpp>
#include <cmath>
#include <fstream>
#include <iterator>

#include "commands.hpp"
#include "offline_work.hpp"

namespace capstan::cli {
namespace {

Result<KafkaCluster> cluster_of(Migrate const& command) {
    CAPSTAN_TRY(auto cluster, parse_kafka_url(command.to + command.from));
    if (!command.settings_file.empty()) {
        std::ifstream file(command.settings_file);
        if (!file) {
            return Error{Errc::not_found, command.settings_file};
        }
        std::string const text{std::istreambuf_iterator<char>(file), {}};
        CAPSTAN_TRY(cluster.settings, parse_kafka_settings(text));
    }
    return cluster;
}

Result<> check_topic(Context& context, KafkaCluster const& cluster, TopicReport const& topic) {
    for (auto const& finding : topic.findings) {
        context.output.note((finding.refuse ? "Unfit: " : "Risk: ") + finding.what);
    }
    auto const name = "topic " + cluster.journal_topic();
    if (topic.refused()) {
        return Error{Errc::config_invalid, name + " is not fit to be a journal"};
    }
    if (topic.partitions != 1) {
        return Error{Errc::config_invalid,
                     name + " has " + std::to_string(topic.partitions) +
                         " partitions; this build moves one"};
    }
    return success();
}

/// The cluster's topic. Nothing if there is none and none is to be made.
Result<std::optional<TopicReport>> find_topic(Context& context,
                                              Migrate const& command,
                                              KafkaCluster const& cluster) {
    auto found = inspect_journal_topic(cluster);
    bool const is_missing = !found && found.error().code == Errc::not_found;
    if (is_missing && command.dry_run && !command.to.empty()) {
        context.output.note("Topic " + cluster.journal_topic() + " would be made.");
        return std::optional<TopicReport>();
    }
    if (is_missing && !command.to.empty()) {
        CAPSTAN_TRY(create_journal_topic(cluster, {.partitions = 1, .replicas = command.replicas}));
        found = inspect_journal_topic(cluster);
    }
    CAPSTAN_TRY(auto topic, std::move(found));
    CAPSTAN_TRY(check_topic(context, cluster, topic));
    return std::optional(std::move(topic));
}

OpenLogAs opener(KafkaCluster const& cluster, Random& random) {
    return [&](LogOffset from, LogWake wake, std::optional<std::uint64_t> handle) {
        return open_kafka_log(
            {.cluster = cluster, .from = from, .handle = handle}, random, std::move(wake));
    };
}

void show_report(Context& context, MigrationReport const& report, double seconds) {
    show(context.output,
         {{.key = "position"},
          {.key = "found"},
          {.key = "chain"},
          {.key = "state_hash"},
          {.key = "streams"},
          {.key = "events"},
          {.key = "switched"},
          {.key = "seconds"}},
         {report.position.value,
          report.found.value,
          to_string(report.chain),
          to_string(Generation{report.state_hash}),
          report.streams,
          report.events,
          report.switched,
          std::round(seconds * 1000) / 1000});
}

void tell_next(Context& context, Migrate const& command, MigrationReport const& report) {
    auto& output = context.output;
    if (command.dry_run) {
        output.note("Nothing was changed.");
    } else if (!report.switched) {
        output.note(
            "A server uses " + command.directory +
            ": what it has finished is copied. Stop it and run this again: the rest takes little.");
        context.code = ExitCode::partial;
    } else if (!command.to.empty()) {
        output.note("Next: capstand --data-dir " + command.directory + " --journal-cluster " +
                    command.to);
    } else {
        output.note("Next: capstand --data-dir " + command.directory +
                    ". The cluster's nodes stop by themselves.");
    }
}

}  // namespace

Result<> execute(Context& context, Migrate const& command) {
    CAPSTAN_TRY(auto const cluster, cluster_of(command));
    CAPSTAN_TRY(auto const topic, find_topic(context, command, cluster));
    SystemRandom random;
    OfflineWork work(context, command.dry_run ? "Read" : "Moved");
    MigrationOptions options{.dry_run = command.dry_run, .on_bytes = work.on_bytes()};
    if (topic) {
        options.open_log = opener(cluster, random);
        options.mark = {cluster.cluster, topic->kafka_id};
    }
    CAPSTAN_TRY(auto const report,
                command.to.empty() ? migrate_from_log(command.directory, options, random)
                                   : migrate_to_log(command.directory, options));
    show_report(context, report, work.seconds());
    tell_next(context, command, report);
    return success();
}

}  // namespace capstan::cli
