// Recorded editing sessions told by folded deltas: whoever is told what changed reads, and merges
// what comes late, as those who got every keystroke.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/model.hpp>

#include "../model/history.hpp"
#include "../model/model_parts.hpp"
#include "delta_of.hpp"
#include "support/editing_trace.hpp"
#include "support/needs.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

auto needs_traces() {
    return needs_environment("CAPSTAN_DATA", "export CAPSTAN_DATA=<folder of traces>");
}

std::vector<PastEvent> events_of(Trace const& trace) {
    std::vector<PastEvent> out{{{{{.kind = OpKind::insert, .object = "doc", .type = "Note"}}, {}},
                                {Seq{1}, Seq{}, Seq{1}, Seq{}, device_of(0)}}};
    std::uint64_t mark = 0;
    for (TraceEvent const& typed : trace.events) {
        Event event;
        for (auto const& edit : typed.edits) {
            event.ops.push_back({.kind = OpKind::splice,
                                 .object = "doc",
                                 .field = "text",
                                 .value = edit.inserted,
                                 .at = edit.at,
                                 .count = edit.removed});
        }
        Seq const seq{out.size() + 1};
        out.push_back({event, {seq, Seq{typed.p + 1}, seq, Seq{mark}, device_of(typed.device)}});
        mark = typed.mark + 1;
    }
    return out;
}

/// Devices that are away for so many events at a time.
void check_session(Trace const& trace, std::size_t away) {
    auto const history = events_of(trace);
    TrailedModel now;
    Model device;
    std::size_t told = 0;
    std::size_t at = 0;
    for (; at < history.size(); ++at) {
        Event const& event = history[at].event;
        EventStamp const& stamp = history[at].stamp;
        now.apply(event, stamp, Counter{at + 1});
        if (at == 0) {
            device.apply(event, stamp, nullptr);
        } else if (stamp.seq.value - device.head().value == away) {
            auto const delta = delta_of(
                now, {.stream = "doc", .generation = Generation{1}, .from = device.head()});
            told += delta.objects.at(0).bytes.size();
            BOOST_REQUIRE(apply_delta(device, delta).has_value());
            BOOST_REQUIRE((take_apart(device) == take_apart(now.model)));
        }
    }
    for (auto i = device.head().value; i < history.size(); ++i) {
        device.apply(history[i].event, history[i].stamp, nullptr);
    }
    BOOST_TEST((take_apart(device) == take_apart(now.model)));
    BOOST_TEST((device.text(*device.find("doc"), "text") == trace.end_content));
    // All of what was typed, some of it removed again, and never the text over and over.
    BOOST_TEST(told < 4 * trace.end_content.size());
}

}  // namespace

BOOST_AUTO_TEST_CASE(sessions_told_by_folded_deltas_end_in_the_recorded_text, *needs_traces()) {
    for (auto const* name : {"concurrent/friendsforever", "sequential/json-crdt-patch"}) {
        BOOST_TEST_CONTEXT(name) {
            check_session(load_trace(name), 700);
            check_session(as_runs(load_trace(name)), 37);
        }
    }
}
