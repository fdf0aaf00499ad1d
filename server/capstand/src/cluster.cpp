#include "cluster.hpp"

#include <algorithm>
#include <capstan/sequencer/cluster_mark.hpp>
#include <chrono>
#include <thread>

#include "process.hpp"

namespace capstan {
namespace {

Result<std::map<std::string, std::string>> read_settings(std::string const& path) {
    CAPSTAN_TRY(auto const text, read_text_file(path));
    auto settings = parse_kafka_settings(text);
    if (!settings) {
        return Error{settings.error().code, path + ": " + settings.error().detail};
    }
    return settings;
}

/// Nothing a node does makes another directory's journal this cluster's.
Result<> check_directory(KafkaCluster const& cluster,
                         std::optional<ClusterMark> const& mark,
                         NodeStorage const& storage) {
    if (mark && mark->cluster != cluster.cluster) {
        return Error{Errc::journal_foreign,
                     storage.data.describe() + " belongs to cluster " + mark->cluster};
    }
    CAPSTAN_TRY(auto const files, storage.tape.list());
    bool const has_journal = std::ranges::any_of(
        files, [](std::string const& name) { return name.starts_with("segment-"); });
    if (!mark && has_journal) {
        return Error{Errc::journal_foreign,
                     storage.data.describe() + " holds a journal of its own"};
    }
    return success();
}

/// Brokers say that a topic is made before all of them know it.
Result<TopicReport> await_topic(KafkaCluster const& cluster) {
    constexpr int kLooks = 40;
    constexpr auto kPause = std::chrono::milliseconds(250);
    for (int look = 0; look < kLooks; ++look) {
        auto report = inspect_journal_topic(cluster);
        if (report || report.error().code != Errc::not_found) {
            return report;
        }
        std::this_thread::sleep_for(kPause);
    }
    return Error{Errc::unavailable,
                 "topic " + cluster.journal_topic() + " is made, and not all brokers know it"};
}

Result<TopicReport> find_topic(ServerConfig::Journal const& config,
                               KafkaCluster const& cluster,
                               bool is_known,
                               Log& log) {
    auto report = inspect_journal_topic(cluster);
    if (report || report.error().code != Errc::not_found) {
        return report;
    }
    if (is_known) {
        return Error{Errc::journal_diverged,
                     "topic " + cluster.journal_topic() + " is gone; this node has a copy of it"};
    }
    auto const replicas = static_cast<std::uint32_t>(config.cluster_replicas);
    CAPSTAN_TRY(create_journal_topic(cluster, {.partitions = 1, .replicas = replicas}));
    log.info("topic_created", cluster.journal_topic(), {{"replicas", std::uint64_t{replicas}}});
    return await_topic(cluster);
}

Result<> check_topic(TopicReport const& report, KafkaCluster const& cluster, Log& log) {
    for (auto const& finding : report.findings) {
        log.write({finding.refuse ? LogLevel::error : LogLevel::warn,
                   finding.refuse ? "topic_unfit" : "topic_risk",
                   finding.what});
    }
    if (report.refused()) {
        auto const first = std::ranges::find(report.findings, true, &TopicFinding::refuse);
        return Error{Errc::config_invalid, "topic " + cluster.journal_topic() + ": " + first->what};
    }
    if (report.partitions != 1) {
        return Error{Errc::config_invalid,
                     "topic " + cluster.journal_topic() + " has " +
                         std::to_string(report.partitions) + " partitions; this build serves one"};
    }
    return success();
}

}  // namespace

Result<KafkaCluster> cluster_of(ServerConfig::Journal const& config, Log& log) {
    CAPSTAN_TRY(auto cluster, parse_kafka_url(config.cluster));
    if (!config.cluster_settings_file.empty()) {
        CAPSTAN_TRY(cluster.settings, read_settings(config.cluster_settings_file));
    }
    cluster.log = [&log](std::string_view line) { log.warn("kafka", line); };
    return cluster;
}

Result<> join_cluster(ServerConfig::Journal const& config,
                      KafkaCluster const& cluster,
                      NodeStorage const& storage,
                      Log& log) {
    CAPSTAN_TRY(auto const mark, read_cluster_mark(storage.data));
    CAPSTAN_TRY(check_directory(cluster, mark, storage));
    CAPSTAN_TRY(auto const report, find_topic(config, cluster, mark.has_value(), log));
    CAPSTAN_TRY(check_topic(report, cluster, log));
    if (!mark) {
        return write_cluster_mark(storage.data, {cluster.cluster, report.kafka_id});
    }
    if (mark->kafka_id != report.kafka_id) {
        return Error{Errc::journal_foreign,
                     storage.data.describe() + " belongs to the brokers " + mark->kafka_id +
                         ", not to " + report.kafka_id};
    }
    return success();
}

Result<> check_no_cluster(Storage& data) {
    CAPSTAN_TRY(auto const mark, read_cluster_mark(data));
    if (mark) {
        return Error{Errc::journal_foreign,
                     data.describe() + " holds a copy of cluster " + mark->cluster +
                         "'s journal: set journal.cluster"};
    }
    return success();
}

Result<> set_tape_aside(std::filesystem::path const& data_dir) {
    auto const aside = data_dir / "journal.damaged";
    std::error_code error;
    std::filesystem::remove_all(aside, error);
    if (!error) {
        std::filesystem::rename(data_dir / "journal", aside, error);
    }
    if (error) {
        return Error{Errc::disk_io, (data_dir / "journal").string() + ": " + error.message()};
    }
    return success();
}

std::string describe(std::optional<LogProgress> const& progress) {
    if (!progress) {
        return "the brokers do not say how far the log goes";
    }
    auto const where = "offset " + std::to_string(progress->next.value) + " of " +
                       std::to_string(progress->end.value) + " is folded";
    return progress->is_being_filled ? where + "; capstan migrate is not finished" : where;
}

std::string_view stop_event(Errc code) {
    switch (code) {
        case Errc::journal_diverged:
            return "journal_diverged";
        case Errc::journal_foreign:
            return "journal_moved";
        case Errc::index_damaged:
            return "state_doubted";
        default:
            return "storage_failed";
    }
}

void BeaconWatch::look(std::optional<LogProgress> const& progress) {
    auto const now = progress ? progress->beacons_disagreed : 0;
    if (now > told_) {
        told_ = now;
        log_.error("state_disagrees",
                   "another node has another state than the one that this node folded from the "
                   "first record on",
                   {{"beacons", now}});
    }
}

OpenLog log_opener(ServerConfig::Journal const& config, KafkaCluster cluster, Random& random) {
    KafkaLogOptions options{
        .cluster = std::move(cluster),
        .unseen_bytes_max = config.queue_bytes_max,
        .linger_ms = static_cast<std::uint32_t>(config.cluster_linger_ms),
    };
    return [options = std::move(options), &random](LogOffset from, LogWake wake) {
        auto here = options;
        here.from = from;
        return open_kafka_log(here, random, std::move(wake));
    };
}

}  // namespace capstan
