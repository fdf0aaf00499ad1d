#include "snapshot_answers.hpp"

#include <nlohmann/json.hpp>

namespace capstan::cli {
namespace {

using nlohmann::json;

Error strange(std::string_view answer) {
    return {Errc::malformed, "no snapshot: " + std::string(answer.substr(0, 80))};
}

Result<SnapshotSummary> summary_of(json const& item) {
    for (char const* key : {"stream", "generation", "state_hash", "manifest"}) {
        if (!item.contains(key) || !item[key].is_string()) {
            return strange(item.dump());
        }
    }
    for (char const* key :
         {"seq", "objects", "chunks", "manifest_bytes", "chunk_bytes", "event_bytes"}) {
        if (!item.contains(key) || !item[key].is_number_unsigned()) {
            return strange(item.dump());
        }
    }
    auto const number = [&item](char const* key) { return item[key].get<std::uint64_t>(); };
    auto const id = parse_chunk_id(item["manifest"].get<std::string>());
    if (!id) {
        return strange(item.dump());
    }
    return SnapshotSummary{.stream = item["stream"].get<std::string>(),
                           .generation = item["generation"].get<std::string>(),
                           .seq = number("seq"),
                           .objects = number("objects"),
                           .chunks = number("chunks"),
                           .bytes = number("manifest_bytes") + number("chunk_bytes"),
                           .event_bytes = number("event_bytes"),
                           .state_hash = item["state_hash"].get<std::string>(),
                           .manifest = *id};
}

}  // namespace

Result<SnapshotSummary> parse_snapshot(std::string_view text) {
    auto const item = json::parse(text, nullptr, false);
    return item.is_object() ? summary_of(item) : strange(text);
}

Result<SnapshotSummary> create_snapshot(Remote const& remote, std::string const& stream) {
    CAPSTAN_TRY(auto const answer, remote.http("POST", "/v1/snapshots/" + in_path(stream)));
    return parse_snapshot(answer.body);
}

Result<std::vector<SnapshotSummary>> list_snapshots(Remote const& remote,
                                                    std::string const& stream) {
    CAPSTAN_TRY(auto const answer, remote.http("GET", "/v1/snapshots/" + in_path(stream)));
    auto const document = json::parse(answer.body, nullptr, false);
    if (!document.is_object() || !document.contains("snapshots") ||
        !document["snapshots"].is_array()) {
        return strange(answer.body);
    }
    std::vector<SnapshotSummary> snapshots;
    for (auto const& item : document["snapshots"]) {
        CAPSTAN_TRY(auto snapshot, item.is_object() ? summary_of(item) : strange(item.dump()));
        snapshots.push_back(std::move(snapshot));
    }
    return snapshots;
}

}  // namespace capstan::cli
