#pragma once
#include <capstan/engine/text.hpp>
#include <capstan/importers/editing_trace.hpp>
#include <capstan/schema/error.hpp>
#include <optional>
#include <string>
#include <vector>

namespace capstan::cli {

/// An editing session as events of a stream, and the text that they end in.
struct BenchSession {
    std::string name;
    importers::EditingTrace trace;
    std::vector<Bytes> events;

    static BenchSession of(std::string name, importers::EditingTrace trace);
    /// Where event `at` (from 0) stands.
    EditStamp stamp(std::size_t at) const;
    /// Decodes and applies all of them; `notices` counts the splices that an observer hears.
    Text replay(std::uint64_t& notices) const;
    /// What a stream's tape holds of them, where each is a run of its own: all that was written,
    /// for ever.
    Bytes tape() const;
};

/// Two authors who type at the same time, one of them `lag` events behind; the same every time.
importers::EditingTrace made_up_session(std::size_t events, std::size_t lag);

}  // namespace capstan::cli
