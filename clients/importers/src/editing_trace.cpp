#include <algorithm>
#include <capstan/importers/editing_trace.hpp>
#include <capstan/importers/line_source.hpp>
#include <nlohmann/json.hpp>
#include <set>

namespace capstan::importers {
namespace {

using nlohmann::json;
/// How many events of each device a version holds.
using Vector = std::vector<std::uint64_t>;

std::vector<TraceEdit> edits_of(json const& patches) {
    std::vector<TraceEdit> edits;
    for (auto const& patch : patches) {
        edits.push_back({patch.at(0).get<std::uint64_t>(),
                         patch.at(1).get<std::uint64_t>(),
                         patch.at(2).get<std::string>()});
    }
    return edits;
}

/// p is the last event of someone else in the event's past.
void add_concurrent(json const& txns, EditingTrace& trace) {
    std::vector<Vector> pasts;
    std::vector<std::vector<std::uint64_t>> seqs(trace.devices);
    for (auto const& txn : txns) {
        TraceEvent event{txn.at("agent").get<std::uint32_t>(), 0, 0, edits_of(txn.at("patches"))};
        Vector past(trace.devices, 0);
        for (auto const& parent : txn.at("parents")) {
            auto const& other = pasts.at(parent.get<std::size_t>());
            for (std::size_t i = 0; i < past.size(); ++i) {
                past[i] = std::max(past[i], other[i]);
            }
        }
        for (std::uint32_t other = 0; other < trace.devices; ++other) {
            if (other != event.device && past[other] > 0) {
                event.p = std::max(event.p, seqs[other][past[other] - 1]);
            }
        }
        seqs[event.device].push_back(trace.events.size() + 1);
        ++past[event.device];
        pasts.push_back(std::move(past));
        trace.events.push_back(std::move(event));
    }
}

void add_sequential(json const& txns, EditingTrace& trace) {
    for (auto const& txn : txns) {
        trace.events.push_back({0, trace.events.size(), 0, edits_of(txn.at("patches"))});
    }
}

/// Continues the last edit of the run, if it can.
bool joins(TraceEdit& last, TraceEdit const& next) {
    if (next.removed == 0 && !last.inserted.empty() && next.at == last.at + last.inserted.size()) {
        last.inserted += next.inserted;
        return true;
    }
    if (!next.inserted.empty() || !last.inserted.empty()) {
        return false;
    }
    if (next.at + next.removed == last.at || next.at == last.at) {
        last.at = next.at;
        last.removed += next.removed;
        return true;
    }
    return false;
}

EditingTrace trace_of(json const& file) {
    EditingTrace trace;
    trace.end_content = file.at("endContent").get<std::string>();
    bool const concurrent = file.value("kind", "") == "concurrent";
    trace.devices = concurrent ? file.at("numAgents").get<std::uint32_t>() : 1;
    concurrent ? add_concurrent(file.at("txns"), trace) : add_sequential(file.at("txns"), trace);
    set_marks(trace.events);
    return trace;
}

}  // namespace

std::size_t EditingTrace::edits() const {
    std::size_t count = 0;
    for (auto const& event : events) {
        count += event.edits.size();
    }
    return count;
}

Result<EditingTrace> load_editing_trace(std::string const& path) {
    CAPSTAN_TRY(auto const text, read_text_file(path));
    try {
        return trace_of(json::parse(text));
    } catch (json::exception const& error) {
        return Error{Errc::malformed, path + ": " + error.what()};
    } catch (std::out_of_range const&) {
        return Error{Errc::malformed, path + ": an edit without a past"};
    }
}

void set_marks(std::vector<TraceEvent>& events) {
    auto mark = static_cast<std::uint64_t>(events.size());
    for (auto i = events.size(); i > 0; --i) {
        events[i - 1].mark = mark;
        mark = std::min(mark, events[i - 1].p);
    }
}

EditingTrace as_runs(EditingTrace const& singles) {
    constexpr std::size_t kEditsMax = 8;
    bool const concurrent = singles.devices > 1;
    std::set<std::uint64_t> looked_at;
    for (auto const& event : singles.events) {
        looked_at.insert(event.p);
    }
    EditingTrace runs{singles.end_content, {}, singles.devices};
    std::vector<std::uint64_t> run_of(singles.events.size() + 1, 0);
    for (std::size_t i = 0; i < singles.events.size(); ++i) {
        auto const& event = singles.events[i];
        bool const goes_on = !runs.events.empty() && runs.events.back().device == event.device &&
                             (concurrent ? runs.events.back().p == event.p && !looked_at.contains(i)
                                         : runs.events.back().edits.size() < kEditsMax);
        if (!goes_on) {
            runs.events.push_back({event.device, event.p, 0, {}});
        }
        auto& edits = runs.events.back().edits;
        for (auto const& edit : event.edits) {
            if (edits.empty() || !joins(edits.back(), edit)) {
                edits.push_back(edit);
            }
        }
        run_of[i + 1] = runs.events.size();
    }
    for (std::size_t i = 0; i < runs.events.size(); ++i) {
        runs.events[i].p = concurrent ? run_of[runs.events[i].p] : i;
    }
    set_marks(runs.events);
    return runs;
}

}  // namespace capstan::importers
