// Where an insertion goes among those that its author did not know: YATA as Fugue orders it, with
// the seq as the tie-break. Everything is decided inside the gap, in one pass over it.
#include "text/span_list.hpp"

namespace capstan {

/// Collects the spans from `place` on that the author did not know. The first one that it knew,
/// dead or alive, is the right origin: a dead one too keeps what was typed to its left apart from
/// what was typed to its right.
auto SpanList::gather_gap(Place place, std::uint32_t left, AuthorView const& view) -> Origins {
    gap_.clear();
    for (; skip_ends(place); ++place.index) {
        auto const& span = place.chunk->spans[place.index];
        if (known_items(span, view) > 0) {
            return {left, span.start_id};
        }
        gap_.push_back(place);
    }
    return {left, kEndId};
}

/// Makes the gap's ids answer "inside the gap" in O(1).
void SpanList::mark_gap() {
    scan_of_id_.resize(id_next_, 0);
    if (++scan_ == 0) {
        std::ranges::fill(scan_of_id_, 0);
        scan_ = 1;
    }
    for (auto const& place : gap_) {
        auto const& span = place.chunk->spans[place.index];
        scan_of_id_[span.start_id] = scan_;
        scan_of_id_[span.end_id] = scan_;
    }
}

/// With L and R the own origins, o passes:
///   hangs left of L (neither L nor in the gap)  → here
///   hangs from something passed                 → belongs to it, go on
///   hangs from L, its right origin in the gap   → typed right to left: remember, keep looking
///   hangs from L and R, with the greater stamp  → here: the smaller stamp goes first
///   hangs from L                                → earlier sequenced: after it and what hangs from
///   it
auto SpanList::integrate(Place start, Origins const& own, std::uint64_t stamp) -> Place {
    mark_gap();
    auto const in_gap = [&](std::uint32_t id) {
        return id < scan_of_id_.size() && scan_of_id_[id] == scan_;
    };
    auto place = start;
    bool looking = false;
    for (auto const& other : gap_) {
        if (!looking) {
            place = other;
        }
        auto const& span = other.chunk->spans[other.index];
        if (span.left != own.left) {
            if (!in_gap(span.left)) {
                return place;
            }
            continue;
        }
        looking = in_gap(span.right);
        if (!looking && span.inserted > stamp && span.right == own.right) {
            return place;
        }
    }
    return looking ? place : Place{gap_.back().chunk, gap_.back().index + 1};
}

}  // namespace capstan
