#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/run.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace capstan::sync {

/// One event as its reader gets it. Lives as long as the delivery that it is part of.
struct DeliveredEvent {
    Seq seq;
    Dot dot;
    Seq preceding_seq;  // as the fold set it
    std::uint16_t flags = 0;
    WallTime gateway_time;
    Seq mark_before;  // mark(seq - 1): what models judge the event with
    Seq run_first;    // seq of the first event of its run
    Attempt attempt;  // of its run
    bool ends_run = false;
    ByteView bytes;
};

/// Whole delivered runs of one stream, as an `Events` message brings them. `from` is the first
/// event that the reader has not had; runs before it in the first run are a repetition.
///
/// Invariant once `check` has passed: runs hold exactly the events first..last.
struct Delivery {
    std::string stream;
    Generation generation;
    Seq first;
    Seq last;
    Seq from;
    Hash128 chain;  // at last
    Seq head;       // of the stream, when this was sent
    Seq mark_before;
    std::vector<std::uint64_t> marks;  // after each run
    Bytes runs;
    std::uint32_t history = 0;  // `Subscription::history` of its reader when it came

    /// Errors: `malformed`.
    Result<> check() const;

    /// Calls `visit(DeliveredEvent const&)` for each event from `from` on, in order.
    /// Precondition: `check` has passed.
    template <class Visit>
    void each_event(Visit&& visit) const;
};

template <class Visit>
void Delivery::each_event(Visit&& visit) const {
    ByteReader in(runs);
    Seq run_first = first;
    Seq mark = mark_before;
    for (std::size_t n = 0; run_first <= last; ++n) {
        auto const delivered = DeliveredRunView::take(in);
        CAPSTAN_INVARIANT(delivered.has_value());
        RunView const& run = delivered.value().run();
        DeliveredEvent event;
        event.dot.device = delivered.value().device();
        event.gateway_time = delivered.value().gateway_time();
        event.flags = run.header().flags;
        auto const p = run.header().preceding_seq;
        event.preceding_seq = p == kAtHead ? Seq{run_first.value - 1} : p;
        event.mark_before = mark;
        event.run_first = run_first;
        event.attempt = run.header().attempt;
        for (std::uint32_t i = 0; i < run.count(); ++i) {
            event.seq = run_first.plus(i);
            event.dot.counter = run.first_counter().plus(i);
            event.ends_run = i + 1 == run.count();
            event.bytes = run.event(i);
            if (event.seq >= from) {
                visit(event);
            }
        }
        run_first = run_first.plus(run.count());
        mark = n < marks.size() ? Seq{marks[n]} : mark;
    }
}

/// The chain hash behind the event, given the one before it.
inline Hash128 chain_behind(Hash128 const& before, DeliveredEvent const& event) {
    return chain_next(
        before, event.dot, event.preceding_seq, event.flags & RunFlags::chained, event.bytes);
}

}  // namespace capstan::sync
