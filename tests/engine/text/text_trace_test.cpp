// Recorded editing sessions end in the recorded text.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/text.hpp>

#include "sequencer/dice.hpp"
#include "support/editing_trace.hpp"
#include "support/needs.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

auto needs_traces() {
    return needs_environment("CAPSTAN_DATA", "export CAPSTAN_DATA=<folder of traces>");
}

void apply_to(Text& text, TraceEvent const& event, std::uint64_t seq, std::uint64_t mark) {
    std::vector<TextSplice> splices;
    for (auto const& edit : event.edits) {
        splices.push_back({edit.at, edit.removed, edit.inserted});
    }
    std::vector<TextSplice> effects;
    EditStamp const stamp{Stamp{seq}, Seq{event.p}, DeviceIndex{event.device}, Seq{mark}};
    BOOST_TEST_REQUIRE((text.apply(stamp, splices, effects) == EditVerdict::applied));
}

std::string replay(Trace const& trace, bool collecting) {
    Text text;
    std::uint64_t mark = 0;
    for (std::size_t i = 0; i < trace.events.size(); ++i) {
        apply_to(text, trace.events[i], i + 1, collecting ? mark : 0);
        mark = trace.events[i].mark;
    }
    text.check_invariants();
    return text.content().str();
}

/// The same events in another order that respects who knew what, with p as the server would have
/// it: the last event in that order that the author had seen. `bias` makes devices stay offline.
Trace reordered(Trace const& trace, Dice& dice) {
    std::vector<std::vector<std::size_t>> queues(trace.devices);
    for (std::size_t i = 0; i < trace.events.size(); ++i) {
        queues[trace.events[i].device].push_back(i);
    }
    std::vector<std::size_t> next(trace.devices, 0);
    std::vector<std::uint64_t> new_seq(trace.events.size() + 1, 0);
    Trace other{trace.end_content, {}, trace.devices};
    auto const is_ready = [&](std::size_t device) {
        if (next[device] == queues[device].size()) {
            return false;
        }
        auto const& event = trace.events[queues[device][next[device]]];
        for (std::size_t who = 0; who < queues.size(); ++who) {
            bool const behind =
                who != device && next[who] < queues[who].size() && queues[who][next[who]] < event.p;
            if (behind) {
                return false;
            }
        }
        return true;
    };
    while (other.events.size() < trace.events.size()) {
        auto const device = dice.below(queues.size());
        for (auto burst = 1 + dice.below(400); burst > 0 && is_ready(device); --burst) {
            auto const index = queues[device][next[device]++];
            auto event = trace.events[index];
            // p names the last event of another device; own ones may be sequenced around it.
            auto seen = event.p;
            while (seen > 0 && trace.events[seen - 1].device == event.device) {
                --seen;
            }
            event.p = seen == 0 ? 0 : new_seq[seen];
            new_seq[index + 1] = other.events.size() + 1;
            other.events.push_back(std::move(event));
        }
    }
    set_marks(other.events);
    return other;
}

}  // namespace

BOOST_AUTO_TEST_CASE(sequential_sessions_end_in_the_recorded_text, *needs_traces()) {
    for (auto const* name : {"automerge-paper",
                             "friendsforever_flat",
                             "json-crdt-blog-post",
                             "json-crdt-patch",
                             "sveltecomponent"}) {
        BOOST_TEST_CONTEXT(name) {
            auto const trace = load_trace(std::string("sequential/") + name);
            BOOST_TEST((replay(trace, true) == trace.end_content));
            BOOST_TEST((replay(as_runs(trace), false) == trace.end_content));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_live_session_ends_in_the_recorded_text, *needs_traces()) {
    auto const trace = load_trace("concurrent/friendsforever");
    auto const runs = as_runs(trace);
    BOOST_TEST(runs.events.size() == 3'727U);
    BOOST_TEST(runs.edits() == 5'155U);
    for (bool const collecting : {false, true}) {
        BOOST_TEST((replay(trace, collecting) == trace.end_content));
        BOOST_TEST((replay(runs, collecting) == trace.end_content));
    }
}

BOOST_AUTO_TEST_CASE(any_order_that_the_authors_allow_ends_in_the_recorded_text, *needs_traces()) {
    auto const trace = load_trace("concurrent/friendsforever");
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        Dice dice(seed);
        auto const other = reordered(trace, dice);
        BOOST_TEST((replay(other, true) == trace.end_content), "seed " << seed);
    }
}
