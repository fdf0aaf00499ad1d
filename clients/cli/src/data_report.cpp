#include "data_report.hpp"

#include <nlohmann/json.hpp>

namespace capstan::cli {
namespace {

using Json = nlohmann::ordered_json;

/// Without a segment or positions, null.
Json number_or_null(std::uint64_t value) {
    return value == 0 ? Json() : Json(value);
}

Json to_json(DataProblem const& problem) {
    bool const placed = problem.segment.value != 0;
    return {{"part", to_string(problem.part)},
            {"severity", to_string(problem.severity)},
            {"fault", problem.fault},
            {"segment", number_or_null(problem.segment.value)},
            {"offset", placed ? Json(problem.offset.value) : Json()},
            {"first_position", number_or_null(problem.first.value)},
            {"last_position", number_or_null(problem.last.value)},
            {"detail", problem.detail}};
}

}  // namespace

std::string to_json(DataReport const& report, std::string const& directory) {
    auto const& journal = report.journal;
    Json json{
        {"format", 1},
        {"directory", directory},
        {"sound", report.is_sound()},
        {"deep", report.deep},
        {"folded", report.folded},
        {"served_by", journal.locked_by ? Json(*journal.locked_by) : Json()},
        {"partition", journal.partition},
        {"lineage", to_string(Generation{journal.lineage.value})},
        {"segments", journal.segments},
        {"frames", journal.frames},
        {"submissions", journal.submissions},
        {"bytes", journal.bytes},
        {"first_position", journal.first.value},
        {"last_position", journal.last.value},
        {"chain", to_string(journal.chain)},
        {"checkpoint", report.checkpoint ? Json(report.checkpoint->position.value) : Json()},
        {"streams", report.deep ? Json(report.streams) : Json()},
        {"events", report.deep ? Json(report.events) : Json()},
        {"malformed", report.deep ? Json(report.malformed) : Json()},
        {"state_hash", report.folded ? Json(to_string(Generation{report.state_hash})) : Json()},
        {"problems", Json::array()}};
    for (auto const& problem : report.problems) {
        json["problems"].push_back(to_json(problem));
    }
    return json.dump(2) + "\n";
}

}  // namespace capstan::cli
