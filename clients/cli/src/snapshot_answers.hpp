#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "remote.hpp"

namespace capstan::cli {

/// A snapshot as the server describes it over HTTP.
struct SnapshotSummary {
    std::string stream;
    std::string generation;
    std::uint64_t seq = 0;
    std::uint64_t objects = 0;
    std::uint64_t chunks = 0;
    std::uint64_t bytes = 0;        // of the manifest and all chunks
    std::uint64_t event_bytes = 0;  // of the events that it stands for
    std::string state_hash;
    ChunkId manifest;
};

/// Errors: `malformed`.
Result<SnapshotSummary> parse_snapshot(std::string_view json);
/// At the stream's head or later. Errors: of the request, `malformed`.
Result<SnapshotSummary> create_snapshot(Remote const& remote, std::string const& stream);
/// Newest first. Errors: of the request, `malformed`.
Result<std::vector<SnapshotSummary>> list_snapshots(Remote const& remote,
                                                    std::string const& stream);

}  // namespace capstan::cli
