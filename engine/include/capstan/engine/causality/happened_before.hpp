#pragma once
#include <capstan/schema/ids.hpp>

namespace capstan {

/// What two integers and a dot say about one sequenced event of a stream:
///
///     its causal past is { seq <= preceding_seq } and the earlier counters of its device.
///
/// That is a whole version vector, because the server's order is total, a device publishes in
/// counter order, and preceding_seq says how much its author had applied without a gap.
struct CausalStamp {
    Seq seq;
    Seq preceding_seq;  // as the fold set it; < seq
    Dot dot;
};

/// Whether the author of `b` knew `a`. O(1) with any number of devices. Both are of one stream.
constexpr bool happened_before(CausalStamp const& a, CausalStamp const& b) {
    return a.seq <= b.preceding_seq ||
           (a.dot.device == b.dot.device && a.dot.counter < b.dot.counter);
}

/// Neither author knew the other's event. An event is not concurrent with itself.
constexpr bool concurrent(CausalStamp const& a, CausalStamp const& b) {
    return a.seq != b.seq && !happened_before(a, b) && !happened_before(b, a);
}

/// Causal order: total, extends `happened_before`, and what authors perceived. It needs no clock.
constexpr bool causally_less(CausalStamp const& a, CausalStamp const& b) {
    return a.preceding_seq != b.preceding_seq ? a.preceding_seq < b.preceding_seq : a.seq < b.seq;
}

}  // namespace capstan
