#include <algorithm>
#include <array>
#include <capstan/schema/limits.hpp>
#include <capstan/sequencer/kafka_log.hpp>
#include <charconv>
#include <functional>
#include <span>

#include "client.hpp"

namespace capstan {
namespace kafka {
namespace {

constexpr int kAskForMs = 10'000;

using ConfigResource = Owner<rd_kafka_ConfigResource_t, rd_kafka_ConfigResource_destroy>;
using NewTopic = Owner<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using AdminOptions = Owner<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;

struct MetadataDestroy {
    void operator()(rd_kafka_metadata_t const* metadata) const {
        rd_kafka_metadata_destroy(metadata);
    }
};
using Metadata = std::unique_ptr<rd_kafka_metadata_t const, MetadataDestroy>;

/// Waits for the answer of an admin request that `ask` makes.
Result<Event> answer(rd_kafka_t* client,
                     rd_kafka_admin_op_t operation,
                     std::function<void(AdminOptions const&, rd_kafka_queue_t*)> const& ask) {
    AdminOptions const options(rd_kafka_AdminOptions_new(client, operation));
    std::array<char, 256> why{};
    rd_kafka_AdminOptions_set_request_timeout(options.get(), kAskForMs, why.data(), why.size());
    Queue const queue(rd_kafka_queue_new(client));
    ask(options, queue.get());
    Event event(rd_kafka_queue_poll(queue.get(), 2 * kAskForMs));
    if (event == nullptr) {
        return Error{Errc::unavailable, "the brokers did not answer"};
    }
    if (auto const error = rd_kafka_event_error(event.get())) {
        return to_error(error, rd_kafka_event_error_string(event.get()));
    }
    return event;
}

Result<Metadata> metadata_of(rd_kafka_t* client, std::string const& name) {
    Topic const topic(rd_kafka_topic_new(client, name.c_str(), nullptr));
    rd_kafka_metadata_t const* raw = nullptr;
    auto const error = rd_kafka_metadata(client, 0, topic.get(), &raw, kAskForMs);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return to_error(error, "asking for " + name);
    }
    Metadata metadata(raw);
    CAPSTAN_INVARIANT(raw->topic_cnt == 1);
    if (auto const missing = raw->topics[0].err) {
        return to_error(missing, "topic " + name);
    }
    return metadata;
}

struct MemoryFree {
    void operator()(char* text) const { rd_kafka_mem_free(nullptr, text); }
};

Result<std::string> cluster_id_of(rd_kafka_t* client) {
    std::unique_ptr<char, MemoryFree> const id(rd_kafka_clusterid(client, kAskForMs));
    if (id == nullptr) {
        return Error{Errc::unavailable, "the brokers did not say who they are"};
    }
    return std::string(id.get());
}

Result<Settings> settings_of(rd_kafka_t* client, std::string const& name) {
    ConfigResource const resource(
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
    CAPSTAN_TRY(auto const event,
                answer(client,
                       RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
                       [&](AdminOptions const& options, rd_kafka_queue_t* queue) {
                           auto* one = resource.get();
                           rd_kafka_DescribeConfigs(client, &one, 1, options.get(), queue);
                       }));
    std::size_t count = 0;
    auto const* const* resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event.get()), &count);
    CAPSTAN_INVARIANT(count == 1);
    if (auto const error = rd_kafka_ConfigResource_error(resources[0])) {
        return to_error(error, "settings of topic " + name);
    }
    auto const* const* entries = rd_kafka_ConfigResource_configs(resources[0], &count);
    Settings settings;
    for (auto const* entry : std::span(entries, count)) {
        auto const* value = rd_kafka_ConfigEntry_value(entry);
        settings[rd_kafka_ConfigEntry_name(entry)] = value == nullptr ? "" : value;
    }
    return settings;
}

std::int64_t number(std::string const& text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// What a journal asks of its topic, setting by setting.
std::vector<TopicFinding> findings_of(TopicReport const& topic, Settings const& settings) {
    std::vector<TopicFinding> findings;
    auto const value = [&](char const* name) {
        auto const at = settings.find(name);
        return at == settings.end() ? std::string() : at->second;
    };
    auto const refuse = [&](bool bad, std::string what) {
        if (bad) {
            findings.push_back({true, std::move(what)});
        }
    };
    auto const warn = [&](bool bad, std::string what) {
        if (bad) {
            findings.push_back({false, std::move(what)});
        }
    };
    refuse(value("cleanup.policy") != "delete",
           "cleanup.policy is " + value("cleanup.policy") +
               ": a journal is never compacted, set it to delete");
    refuse(
        value("retention.ms") != "-1",
        "retention.ms is " + value("retention.ms") + ": a journal keeps everything, set it to -1");
    refuse(value("retention.bytes") != "-1",
           "retention.bytes is " + value("retention.bytes") +
               ": a journal keeps everything, set it to -1");
    refuse(number(value("max.message.bytes")) < 1'048'588,
           "max.message.bytes is " + value("max.message.bytes") +
               ": the largest submission needs 1048588");
    refuse(value("unclean.leader.election.enable") == "true",
           "unclean.leader.election.enable is true: acknowledged records would be lost");
    warn(topic.replicas < 3,
         "replicas: " + std::to_string(topic.replicas) + "; 3 survive the loss of a broker");
    warn(topic.replicas >= 3 && number(value("min.insync.replicas")) < 2,
         "min.insync.replicas is " + value("min.insync.replicas") +
             ": records are acknowledged on one broker, set it to 2");
    warn(value("message.timestamp.type") == "LogAppendTime",
         "message.timestamp.type is LogAppendTime: brokers write each batch again for it");
    return findings;
}

}  // namespace
}  // namespace kafka

using namespace kafka;

bool TopicReport::refused() const {
    return std::any_of(
        findings.begin(), findings.end(), [](auto const& finding) { return finding.refuse; });
}

Result<TopicReport> inspect_journal_topic(KafkaCluster const& cluster) {
    auto const name = cluster.journal_topic();
    CAPSTAN_TRY(auto const client, make_client(RD_KAFKA_PRODUCER, cluster, {}));
    CAPSTAN_TRY(auto const metadata, metadata_of(client.get(), name));
    auto const& topic = metadata->topics[0];
    std::span const partitions(topic.partitions, static_cast<std::size_t>(topic.partition_cnt));
    TopicReport report;
    CAPSTAN_TRY(report.kafka_id, cluster_id_of(client.get()));
    report.partitions = static_cast<std::uint32_t>(partitions.size());
    for (auto const& partition : partitions) {
        auto const replicas = static_cast<std::uint32_t>(partition.replica_cnt);
        report.replicas = report.replicas == 0 ? replicas : std::min(report.replicas, replicas);
    }
    CAPSTAN_TRY(auto const settings, settings_of(client.get(), name));
    report.findings = findings_of(report, settings);
    return report;
}

Result<> create_journal_topic(KafkaCluster const& cluster, JournalTopic const& topic) {
    CAPSTAN_TRY(auto const client, make_client(RD_KAFKA_PRODUCER, cluster, {}));
    std::array<char, 256> why{};
    auto const name = cluster.journal_topic();
    NewTopic const wanted(rd_kafka_NewTopic_new(name.c_str(),
                                                static_cast<int>(topic.partitions),
                                                static_cast<int>(topic.replicas),
                                                why.data(),
                                                why.size()));
    if (wanted == nullptr) {
        return Error{Errc::config_invalid, "topic " + name + ": " + why.data()};
    }
    Settings const settings = {
        {"cleanup.policy", "delete"},
        {"retention.ms", "-1"},
        {"retention.bytes", "-1"},
        {"max.message.bytes", "1048588"},
        {"unclean.leader.election.enable", "false"},
        {"min.insync.replicas", std::to_string((topic.replicas + 1) / 2)},
    };
    for (auto const& [setting, value] : settings) {
        rd_kafka_NewTopic_set_config(wanted.get(), setting.c_str(), value.c_str());
    }
    CAPSTAN_TRY(auto const event,
                answer(client.get(),
                       RD_KAFKA_ADMIN_OP_CREATETOPICS,
                       [&](AdminOptions const& options, rd_kafka_queue_t* queue) {
                           auto* one = wanted.get();
                           rd_kafka_CreateTopics(client.get(), &one, 1, options.get(), queue);
                       }));
    std::size_t count = 0;
    auto const* const* results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(event.get()), &count);
    CAPSTAN_INVARIANT(count == 1);
    auto const error = rd_kafka_topic_result_error(results[0]);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR && error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        return to_error(error, "creating topic " + name);
    }
    return success();
}

}  // namespace capstan
