// What texts cost: recorded sessions as single keystrokes and as runs, decoding of our events
// included or not, with change notices; a late insert; loading; memory at rest. Medians of rounds.
//
//   CAPSTAN_DATA=<folder of traces> text_bench [--rounds N] [filter]
#include <algorithm>
#include <capstan/engine/text.hpp>
#include <capstan/schema/event.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "support/editing_trace.hpp"

namespace {

using namespace capstan;
using test::Trace;

double thread_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// CPU time of the thread in ms, the median of the rounds.
template <class Work>
double median_ms(std::size_t rounds, Work work) {
    std::vector<double> took;
    for (std::size_t i = 0; i < rounds; ++i) {
        auto const start = thread_ns();
        work();
        took.push_back((thread_ns() - start) / 1e6);
    }
    std::ranges::sort(took);
    return took[took.size() / 2];
}

[[noreturn]] void fail(std::string const& what) {
    std::fprintf(stderr, "text_bench: %s\n", what.c_str());
    std::exit(1);
}

struct Session {
    Trace trace;
    std::vector<std::vector<TextSplice>> splices;
    std::vector<Bytes> encoded;
};

Session session_of(Trace trace) {
    Session session{std::move(trace), {}, {}};
    for (auto const& event : session.trace.events) {
        auto& splices = session.splices.emplace_back();
        Event encoded;
        for (auto const& edit : event.edits) {
            splices.push_back({edit.at, edit.removed, edit.inserted});
            encoded.ops.push_back({.kind = OpKind::splice,
                                   .object = "note/1",
                                   .field = "body",
                                   .value = edit.inserted,
                                   .at = edit.at,
                                   .count = edit.removed});
        }
        session.encoded.push_back(encode_event(encoded));
    }
    return session;
}

/// The mark in force before event i; a stream's moves a little behind what members have seen.
EditStamp stamp_of(Trace const& trace, std::size_t i) {
    auto const& event = trace.events[i];
    return {Stamp::of(Seq{i + 1}),
            Seq{event.p},
            DeviceIndex{event.device},
            Seq{i == 0 ? 0 : trace.events[i - 1].mark}};
}

struct Counts {
    std::size_t notices = 0;
    std::size_t spans_max = 0;
};

void apply_event(Text& text,
                 EditStamp const& stamp,
                 std::span<TextSplice const> splices,
                 std::vector<TextSplice>& effects,
                 Counts& counts) {
    effects.clear();
    if (text.apply(stamp, splices, effects) != EditVerdict::applied) {
        fail("a recorded event is void");
    }
    counts.notices += effects.size();
    counts.spans_max = std::max(counts.spans_max, text.window().spans());
}

Text replay(Session const& session, Counts& counts) {
    Text text;
    std::vector<TextSplice> effects;
    for (std::size_t i = 0; i < session.splices.size(); ++i) {
        apply_event(text, stamp_of(session.trace, i), session.splices[i], effects, counts);
    }
    return text;
}

Text decode_and_replay(Session const& session, Counts& counts) {
    Text text;
    std::vector<TextSplice> effects;
    std::vector<TextSplice> splices;
    for (std::size_t i = 0; i < session.encoded.size(); ++i) {
        auto const event = decode_event(session.encoded[i]);
        splices.clear();
        for (auto const& op : event.value().ops) {
            splices.push_back({op.at, op.count, std::get<std::string>(op.value)});
        }
        apply_event(text, stamp_of(session.trace, i), splices, effects, counts);
    }
    return text;
}

void bench_session(char const* name, Session const& session, std::size_t rounds) {
    Counts counts;
    if (replay(session, counts).content().str() != session.trace.end_content ||
        decode_and_replay(session, counts).content().str() != session.trace.end_content) {
        fail(std::string(name) + " does not end in the recorded text");
    }
    auto const events = static_cast<double>(session.splices.size());
    counts = {};
    auto const ms = median_ms(rounds, [&] { replay(session, counts); });
    auto const decoded_ms = median_ms(rounds, [&] { decode_and_replay(session, counts); });
    std::printf(
        "%-26s %7zu events %7zu edits  apply %8.3f ms  %6.1f ns/event"
        "  decode and apply %8.3f ms  %6.1f ns/event  spans at most %zu\n",
        name,
        session.splices.size(),
        session.trace.edits(),
        ms,
        ms * 1e6 / events,
        decoded_ms,
        decoded_ms * 1e6 / events,
        counts.spans_max);
}

/// One device types `keystrokes`, another one that has seen none of them inserts once.
void bench_late_insert(std::size_t keystrokes, std::size_t rounds, bool in_a_row) {
    std::vector<double> took;
    for (std::size_t round = 0; round < rounds; ++round) {
        Text text("start, and end");
        std::vector<TextSplice> effects;
        for (std::size_t i = 0; i < keystrokes; ++i) {
            // In a row, or jumping to and fro, so that no two keystrokes are neighbours'
            // successors.
            TextSplice const splice{in_a_row ? 6 + i : 6 + i / 2 + (i % 2) * 2 % (i + 1), 0, "x"};
            text.apply({Stamp{i + 2}, Seq{1}, DeviceIndex{1}, Seq{1}}, {&splice, 1}, effects);
        }
        auto const start = thread_ns();
        TextSplice const late{6, 0, "late"};
        EditStamp const stamp{Stamp{keystrokes + 2}, Seq{1}, DeviceIndex{2}, Seq{1}};
        if (text.apply(stamp, {&late, 1}, effects) != EditVerdict::applied) {
            fail("the late insert is void");
        }
        took.push_back((thread_ns() - start) / 1e6);
    }
    std::ranges::sort(took);
    std::printf("late insert beside %zu keystrokes %s: %.3f ms\n",
                keystrokes,
                in_a_row ? "in a row" : "to and fro",
                took[took.size() / 2]);
}

void bench_content(Trace const& trace, std::size_t rounds) {
    auto const& end = trace.end_content;
    std::uint64_t points = 0;
    auto const load_ms = median_ms(rounds, [&] { points += Text(end).content().size().points; });
    auto const hash_ms = median_ms(rounds, [&] { points += Rope(end).hash(); });
    std::printf(
        "load of %zu bytes: %.3f ms; with state hash: %.3f ms\n", end.size(), load_ms, hash_ms);
    Counts counts;
    auto edited = replay(session_of(trace), counts);
    auto const bytes = static_cast<double>(end.size());
    std::printf("memory at rest: %.2f x its bytes loaded, %.2f x after %zu edits\n",
                static_cast<double>(Text(end).content().memory_bytes()) / bytes,
                static_cast<double>(edited.content().memory_bytes()) / bytes,
                trace.edits());
}

}  // namespace

int main(int count, char** arguments) {
    std::size_t rounds = 21;
    if (count > 2 && std::strcmp(arguments[1], "--rounds") == 0) {
        rounds = std::strtoull(arguments[2], nullptr, 10);
    }
    for (auto const* path : {"sequential/automerge-paper", "concurrent/friendsforever"}) {
        auto const trace = test::load_trace(path);
        auto const name = std::string(path).substr(std::string(path).find('/') + 1);
        bench_session((name + ", runs").c_str(), session_of(as_runs(trace)), rounds);
        bench_session((name + ", keystrokes").c_str(), session_of(trace), rounds);
        bench_content(trace, rounds);
    }
    for (auto const keystrokes : {10'000, 100'000, 200'000}) {
        bench_late_insert(static_cast<std::size_t>(keystrokes), 5, true);
        bench_late_insert(static_cast<std::size_t>(keystrokes), 5, false);
    }
}
