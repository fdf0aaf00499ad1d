// Recorded editing sessions (CAPSTAN_DATA, editing-traces).
#pragma once
#include <capstan/importers/editing_trace.hpp>
#include <string>

namespace capstan::test {

using Trace = importers::EditingTrace;
using importers::as_runs;
using importers::set_marks;
using importers::TraceEdit;
using importers::TraceEvent;

/// `path` is below CAPSTAN_DATA/editing-traces: `concurrent/friendsforever`. Throws
/// std::runtime_error with the path for what can't be read.
Trace load_trace(std::string const& path);

}  // namespace capstan::test
