// One run: a plan is carried out, then faults end, and everything must come to rest as promised.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device_node.hpp"

namespace capstan::simulator {

/// What became of a run.
struct Outcome {
    std::optional<Violation> violation;  // nothing: all promises were kept
    std::uint64_t trace_hash = 0;
    std::uint64_t tasks = 0;   // that the schedule ran
    std::uint64_t writes = 0;  // that applications made
    std::uint64_t events = 0;  // in streams at the end
    Duration simulated{};
    Duration recovery{};  // from the end of faults until all was at rest
    Instant failed_at;
    std::map<std::string, std::uint64_t> marks;  // what was reached, and how often
    std::vector<std::string> last_lines;         // of the trace; only of a failed run
};

Outcome run(Plan const& plan);

}  // namespace capstan::simulator
