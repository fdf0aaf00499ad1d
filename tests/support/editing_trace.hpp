// Recorded editing sessions (CAPSTAN_DATA, editing-traces) as events with two integers.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace capstan::test {

struct TraceEdit {
    std::uint64_t at = 0;
    std::uint64_t removed = 0;
    std::string inserted;
};

/// Its seq is its place in the trace, from 1.
struct TraceEvent {
    std::uint32_t device = 0;
    std::uint64_t p = 0;
    std::uint64_t mark = 0;  // no later event has a smaller p
    std::vector<TraceEdit> edits;
};

struct Trace {
    std::string end_content;
    std::vector<TraceEvent> events;
    std::uint32_t devices = 1;
    std::size_t edits() const;
};

/// `path` is below CAPSTAN_DATA/editing-traces: `concurrent/friendsforever`. One event for each
/// recorded transaction. Throws std::runtime_error with the path for what can't be read.
Trace load_trace(std::string const& path);

/// As a client sends it that flushes now and then: neighbouring keystrokes become one edit, and
/// edits that nobody looked in between become one event (of up to eight, for one author).
Trace as_runs(Trace const& singles);

/// Sets each event's mark to the smallest p to come.
void set_marks(std::vector<TraceEvent>& events);

}  // namespace capstan::test
