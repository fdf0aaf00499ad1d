#pragma once
#include <algorithm>
#include <capstan/importers/line_source.hpp>
#include <capstan/schema/event.hpp>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace capstan::test {

inline Value value_of(nlohmann::json const& json) {
    return json.is_string() ? Value{json.get<std::string>()} : Value{json.dump()};
}

/// An event of thirteen years of a shared document. A pull request is a device that had seen what
/// was there when it was opened; what came without one is one more device, always up to date.
struct IconEvent {
    std::int64_t request = -1;  // none: -1
    Seq seq;
    Seq preceding;  // never falls within a request
    Event event;
};

inline Event icon_event(nlohmann::json const& ops) {
    Event event;
    for (auto const& op : ops) {
        auto const what = op[0].get<std::string>();
        auto const id = std::to_string(op[1].get<int>());
        if (what == "add") {
            event.ops.push_back({.kind = OpKind::insert, .object = id, .type = "Icon"});
            for (auto const& [field, value] : op[2].items()) {
                event.ops.push_back({.object = id, .field = field, .value = value_of(value)});
            }
        } else if (what == "set") {
            event.ops.push_back({.object = id, .field = op[2], .value = value_of(op[3])});
        } else if (what == "unset") {
            event.ops.push_back({.kind = OpKind::unset, .object = id, .field = op[2]});
        } else {
            event.ops.push_back({.kind = OpKind::remove, .object = id});
        }
    }
    return event;
}

/// In order of seq, from CAPSTAN_DATA.
inline std::vector<IconEvent> icon_events() {
    std::istringstream lines(importers::read_text_file(std::string(std::getenv("CAPSTAN_DATA")) +
                                                       "/simple-icons-history/changes.jsonl.gz")
                                 .value());
    std::vector<IconEvent> events;
    std::map<std::int64_t, std::uint64_t> seen;
    for (std::string line; std::getline(lines, line);) {
        auto const json = nlohmann::json::parse(line);
        auto const request = json.value("pr", std::int64_t{-1});
        auto& p = seen[request];
        p = std::max(p, json["seen"].get<std::uint64_t>());
        events.push_back(
            {request, Seq{json["seq"].get<std::uint64_t>()}, Seq{p}, icon_event(json["ops"])});
    }
    return events;
}

}  // namespace capstan::test
