#pragma once
#include <capstan/schema/error.hpp>
#include <optional>
#include <string>

namespace capstan {

class Storage;

/// Which cluster a data directory is of: the file `cluster` in it. Without one the directory holds
/// a journal of its own.
///
///   file := "cluster " NAME "\n" "kafka " ID "\n"
struct ClusterMark {
    std::string cluster;   // as in kafka://…/CLUSTER
    std::string kafka_id;  // what the brokers call themselves
    friend bool operator==(ClusterMark const&, ClusterMark const&) = default;
};

/// Errors: `format_unknown`, `disk_io`.
Result<std::optional<ClusterMark>> read_cluster_mark(Storage& data);
/// Durable when it returns; a crash leaves the old one or the new one. Errors: as `Storage`.
Result<> write_cluster_mark(Storage& data, ClusterMark const& mark);

}  // namespace capstan
