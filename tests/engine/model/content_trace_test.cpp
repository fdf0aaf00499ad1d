// Recorded editing sessions through a model, as events on the wire: they end in the recorded text,
// for a model that only gets events and for a reader that only gets its changes.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/model.hpp>

#include "history.hpp"
#include "support/editing_trace.hpp"
#include "support/needs.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

auto needs_traces() {
    return needs_environment("CAPSTAN_DATA", "export CAPSTAN_DATA=<folder of traces>");
}

Event event_of(TraceEvent const& event) {
    Event out;
    for (auto const& edit : event.edits) {
        out.ops.push_back({.kind = OpKind::splice,
                           .object = "doc",
                           .field = "text",
                           .value = edit.inserted,
                           .at = edit.at,
                           .count = edit.removed});
    }
    return out;
}

void check_session(Trace const& trace) {
    Model model;
    Text reader;
    model.apply({{{.kind = OpKind::insert, .object = "doc", .type = "Note"}}, {}},
                {Seq{1}, Seq{}, Seq{1}, Seq{}, device_of(0)},
                nullptr);
    std::uint64_t mark = 0;
    std::vector<TextSplice> seen;
    for (std::size_t i = 0; i < trace.events.size(); ++i) {
        auto const& event = trace.events[i];
        Seq const seq{i + 2};
        EventStamp const stamp{seq, Seq{event.p + 1}, seq, Seq{mark}, device_of(event.device)};
        auto const wire = encode_event(event_of(event));
        auto const changes = apply(model, decode_event(wire).value(), stamp);
        BOOST_TEST_REQUIRE(changes.voids.empty());
        for (Change const& change : changes.changes) {
            for (TextEffect const& effect : change.text) {
                auto const count = Rope::count(effect.removed);
                TextSplice const splice{effect.at, count, effect.inserted};
                reader.apply(
                    {Stamp::of(seq), Seq{i + 1}, DeviceIndex{0}, Seq{i + 1}}, {&splice, 1}, seen);
            }
        }
        mark = event.mark + 1;
    }
    BOOST_TEST((model.text(*model.find("doc"), "text") == trace.end_content));
    BOOST_TEST((reader.content().str() == trace.end_content));
    model.check_invariants();
}

}  // namespace

BOOST_AUTO_TEST_CASE(sessions_through_a_model_end_in_the_recorded_text, *needs_traces()) {
    for (auto const* name : {"concurrent/friendsforever", "sequential/json-crdt-patch"}) {
        BOOST_TEST_CONTEXT(name) {
            auto const trace = load_trace(name);
            check_session(trace);
            check_session(as_runs(trace));
        }
    }
    check_session(as_runs(load_trace("sequential/automerge-paper")));
}
