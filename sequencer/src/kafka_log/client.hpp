#pragma once
#include <capstan/sequencer/kafka_log.hpp>
#include <map>
#include <string>

#include "handles.hpp"

namespace capstan::kafka {

using Settings = std::map<std::string, std::string>;

/// A client of a cluster's brokers. Over what all clients have in common stand the operator's
/// settings, and over those `own`: what correctness depends on. `events` are the RD_KAFKA_EVENT_*
/// that it hands to its queue.
/// Lifetime: the cluster outlives it. Errors: `config_invalid` (names the setting).
Result<Client> make_client(rd_kafka_type_t type,
                           KafkaCluster const& cluster,
                           Settings const& own,
                           int events = 0);

}  // namespace capstan::kafka
