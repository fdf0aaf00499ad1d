#pragma once
#include <capstan/schema/ids.hpp>
#include <cstdint>

namespace capstan {

/// Where an event stands, as its reader got it.
///
/// Invariants: preceding_seq < seq; run_first <= seq; mark <= preceding_seq if the event's run has
/// the needs-window flag.
struct EventStamp {
    Seq seq;
    Seq preceding_seq;  // p, as the fold set it
    Seq run_first;      // seq of the first event of its run
    Seq mark;           // merge mark in force before it: mark(seq − 1)
    DeviceId device;
};

/// A device, by its first event in the stream: 0, 1, 2, … A model's table leads to the id.
using DeviceNumber = std::uint32_t;
/// A device that has no event in the stream yet.
inline constexpr DeviceNumber kNoDevice = ~DeviceNumber{0};

/// An event that happened to something, by who made it.
struct Touch {
    std::uint64_t seq = 0;  // 0: none
    DeviceNumber device = kNoDevice;
    friend bool operator==(Touch const&, Touch const&) = default;
};

/// A touch with what its author had seen. Causal order is by (a, seq): total, extends
/// happened-before, and needs no clock.
struct Write {
    std::uint64_t a = 0;  // authored_p, or p; see `Author`
    std::uint64_t seq = 0;
    DeviceNumber device = kNoDevice;

    Touch touch() const { return {seq, device}; }
    friend bool causally_less(Write const& x, Write const& y) {
        return x.a != y.a ? x.a < y.a : x.seq < y.seq;
    }
    friend bool operator==(Write const&, Write const&) = default;
};

/// The author of an event, through whose eyes its operations are judged.
struct Author {
    std::uint64_t seq = 0;
    std::uint64_t a = 0;  // what it had really seen: min(authored_p, p), or p without a rebase
    std::uint64_t p = 0;  // where its edits were put
    std::uint64_t run_first = 0;
    std::uint64_t mark = 0;
    DeviceNumber device = kNoDevice;
    bool pending = false;  // it moves p up to the mark before this is sent

    /// Whether the author knew the touch. Exact, in O(1): all up to `a`, and all its own.
    bool saw(Touch const& touch) const { return touch.seq <= a || touch.device == device; }
    /// The same for operations that need the window.
    bool saw_at_p(Touch const& touch) const { return touch.seq <= p || touch.device == device; }
    /// What may be forgotten counts as absent even where it is still stored, so that models which
    /// collect at different times agree.
    bool remembered(Touch const& touch) const { return touch.seq > mark; }
    /// Whether what needs the window comes too late for it.
    bool is_late() const { return p < mark && !pending; }
    Write write() const { return {a, seq, device}; }
    Touch touch() const { return {seq, device}; }
};

}  // namespace capstan
