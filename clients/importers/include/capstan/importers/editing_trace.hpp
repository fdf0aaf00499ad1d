#pragma once
#include <capstan/schema/error.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Recorded editing sessions (josephg/editing-traces, gzipped JSON) as events with two integers.
namespace capstan::importers {

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

struct EditingTrace {
    std::string end_content;
    std::vector<TraceEvent> events;
    std::uint32_t devices = 1;
    std::size_t edits() const;
};

/// One event for each recorded transaction. Errors: `disk_io` (no such file, not gzip),
/// `malformed` (not a trace).
Result<EditingTrace> load_editing_trace(std::string const& path);

/// As a client sends it that flushes now and then: neighbouring keystrokes become one edit, and
/// edits that nobody looked in between become one event (of up to eight, for one author).
EditingTrace as_runs(EditingTrace const& singles);

/// Sets each event's mark to the smallest p to come.
void set_marks(std::vector<TraceEvent>& events);

}  // namespace capstan::importers
