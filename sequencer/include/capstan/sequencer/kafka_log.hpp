#pragma once
#include <capstan/sequencer/shared_log.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

class Random;

/// A line that librdkafka has to say. Called from its threads.
using KafkaLogLine = std::function<void(std::string_view)>;

/// Where a cluster's journals are: `kafka://host:port,host:port/cluster`.
struct KafkaCluster {
    std::string brokers;  // host:port,…
    std::string cluster;  // 1 to 200 of a-z A-Z 0-9 . _ -
    /// Further settings of librdkafka, such as those of TLS and SASL.
    std::map<std::string, std::string> settings;
    KafkaLogLine log;  // nothing: it says nothing

    std::string journal_topic() const { return "capstan." + cluster + ".journal"; }
};
/// Errors: `config_invalid`.
Result<KafkaCluster> parse_kafka_url(std::string_view url);

/// Settings of librdkafka, from lines of NAME=VALUE; empty ones and those that begin with # say
/// nothing. Errors: `config_invalid`.
Result<std::map<std::string, std::string>> parse_kafka_settings(std::string_view text);

struct KafkaLogOptions {
    KafkaCluster cluster;
    std::int32_t partition = 0;
    LogOffset from;
    std::size_t unseen_bytes_max = 64 * 1'048'576;
    /// How long the producer gathers. 1 where the topic flushes each message, else 0.
    std::uint32_t linger_ms = 0;
    /// Names the log's appends; drawn if there is none.
    std::optional<std::uint64_t> handle;
};

/// One partition of a Kafka topic as a shared log.
///
/// Producing is idempotent with `acks=all`; after an error that librdkafka calls fatal another
/// producer appends all that was not seen. Reading is by offset alone, without consumer groups, and
/// takes what a transaction aborted like all else: what stands in the topic counts, for every node.
/// Records are seen when they are committed on the brokers, so what is read is durable.
///
/// Errors: `config_invalid` (a setting that librdkafka refuses). That no broker answers is no
/// error here. Threading: `wake` and the cluster's log are called from threads of librdkafka.
/// Source: KIP-98 (idempotent producer), librdkafka's INTRODUCTION.md.
Result<std::unique_ptr<SharedLog>> open_kafka_log(KafkaLogOptions const& options,
                                                  Random& random,
                                                  LogWake wake);

/// What is wrong with a topic as a journal.
struct TopicFinding {
    bool refuse = false;  // else a warning
    std::string what;     // names the setting and says what it should be
    friend bool operator==(TopicFinding const&, TopicFinding const&) = default;
};

struct TopicReport {
    std::string kafka_id;  // what the brokers call themselves
    std::uint32_t partitions = 0;
    std::uint32_t replicas = 0;  // the fewest of any partition
    std::vector<TopicFinding> findings;

    bool refused() const;
};

/// Looks at a cluster's journal topic: is it there, how is it replicated, does it keep everything.
/// Blocks for up to some seconds. Errors: `unavailable`, `not_found` (no such topic), `denied`.
Result<TopicReport> inspect_journal_topic(KafkaCluster const& cluster);

struct JournalTopic {
    std::uint32_t partitions = 1;
    std::uint32_t replicas = 1;
};
/// Creates the journal topic with the settings that a journal needs. That it is there already is
/// no error. Errors: `unavailable`, `denied`, `config_invalid` (fewer brokers than replicas).
Result<> create_journal_topic(KafkaCluster const& cluster, JournalTopic const& topic);

}  // namespace capstan
