#pragma once
#include <capstan/engine/runtime/storage.hpp>
#include <capstan/sequencer/kafka_log.hpp>
#include <capstan/sequencer/partition.hpp>
#include <capstan/server/config/config.hpp>
#include <capstan/server/log/log.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace capstan {

/// The cluster that the settings name. Lifetime: `log` outlives all that is opened with it.
/// Errors: `config_invalid`.
Result<KafkaCluster> cluster_of(ServerConfig::Journal const& config, Log& log);

/// Where a node keeps what: `data` is its directory, `tape` the one of the journal's copy in it.
struct NodeStorage {
    Storage& data;
    Storage& tape;
};

/// Looks at the cluster's topic, makes it if there is none, says in the log what it finds, and
/// writes down which cluster the directory is of: a directory serves one journal for ever.
/// Blocks for up to some seconds.
/// Errors: `unavailable`, `denied`, `config_invalid` (the topic would lose acknowledged events),
/// `journal_foreign` (the directory holds another journal), `journal_diverged` (this node has a
/// copy of a topic that is gone), `disk_io`.
Result<> join_cluster(ServerConfig::Journal const& config,
                      KafkaCluster const& cluster,
                      NodeStorage const& storage,
                      Log& log);

/// Of a server without a cluster. Errors: `journal_foreign` (the directory holds a cluster's tape).
Result<> check_no_cluster(Storage& data);

/// Moves the tape out of the way, as `journal.damaged`: all is copied again. Precondition: no
/// process has it open. Errors: `disk_io`.
Result<> set_tape_aside(std::filesystem::path const& data_dir);

/// Opens the log of the node's partition. Lifetime: `random` outlives it.
OpenLog log_opener(ServerConfig::Journal const& config, KafkaCluster cluster, Random& random);

/// How far a node has come in its log, for people.
std::string describe(std::optional<LogProgress> const& progress);

/// The event of the log that says why a partition stopped.
std::string_view stop_event(Errc code);

/// Says in the log, as `state_disagrees`, when other nodes came to another state than this one.
class BeaconWatch {
  public:
    explicit BeaconWatch(Log& log) : log_(log) {}
    void look(std::optional<LogProgress> const& progress);

  private:
    Log& log_;
    std::uint64_t told_ = 0;
};

}  // namespace capstan
