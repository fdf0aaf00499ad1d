#pragma once
#include <capstan/engine/model/changes.hpp>
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/event.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/sdk/client.hpp>
#include <string_view>
#include <vector>

namespace capstan {

/// One event in the life of an object: who said what, having seen what, and what came of it.
struct HistoryEntry {
    Seq seq;
    Seq preceding_seq;
    Seq a;  // what its author had really seen: less, where the edit was put anew at the head
    DeviceId device;
    WallTime time;                    // when the server got it: for people, never for order
    std::vector<Op> ops;              // on this object
    std::vector<Change> changes;      // what became visible
    std::vector<Conflict> conflicts;  // by which rule, and what lost
    std::vector<VoidOps> voids;       // what had no effect, and why
};

/// Reads the stream's events 1..last and tells of those that act on the object, in order. It costs
/// as much as reading the stream: there is no index of objects yet.
/// Threading: any thread but the runtime's. `reader` does not subscribe to the stream otherwise.
/// Errors: those of `Reader::next`; `timed_out` (nothing came for so long).
Result<std::vector<HistoryEntry>> read_history(Client const& reader,
                                               StreamName const& stream,
                                               std::string_view object,
                                               Seq last,
                                               Duration timeout);

}  // namespace capstan
