#pragma once
#include <capstan/engine/model/model.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/run.hpp>
#include <capstan/sequencer/partition.hpp>

namespace capstan {

/// An event where it stands on the tape.
struct TapeEvent {
    EventStamp stamp;
    Dot dot;
    std::uint16_t flags = 0;
    ByteView bytes;
};

/// Calls `visit(TapeEvent const&)` for each event of the page behind `after`, in order.
/// Errors: `malformed`: the page is not what its head says.
template <class Visit>
Result<> each_event(Page const& page, Seq after, Visit&& visit) {
    ByteReader in(page.runs);
    Seq next = page.first;
    Seq mark = page.mark_before;
    for (std::size_t n = 0; !in.rest().empty(); ++n) {
        CAPSTAN_TRY(auto const delivered, DeliveredRunView::take(in));
        RunView const& run = delivered.run();
        auto const p = run.header().preceding_seq;
        TapeEvent event;
        event.stamp = {.preceding_seq = p == kAtHead ? Seq{next.value - 1} : p,
                       .run_first = next,
                       .mark = mark,
                       .device = delivered.device()};
        event.flags = run.header().flags;
        for (std::uint32_t i = 0; i < run.count(); ++i, next = next.next()) {
            event.stamp.seq = next;
            event.dot = {delivered.device(), run.first_counter().plus(i)};
            event.bytes = run.event(i);
            if (next > after) {
                visit(event);
            }
        }
        if (n >= page.marks.size()) {
            return Error{Errc::malformed, "page: fewer marks than runs"};
        }
        mark = Seq{page.marks[n]};
    }
    if (next != page.last.next()) {
        return Error{Errc::malformed, "page: other events than it says"};
    }
    return success();
}

/// The event as models take it: one that this build cannot read does nothing, but counts.
Event event_of(ByteView bytes);

}  // namespace capstan
