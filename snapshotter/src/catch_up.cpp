#include <algorithm>
#include <capstan/snapshotter/catch_up.hpp>

namespace capstan {
namespace {

/// Last seq of a generation of this stream; nothing for one that it never had.
std::optional<Seq> end_of(StreamHistory const& stream, Generation generation) {
    if (generation == stream.generation) {
        return stream.head;
    }
    auto const at = std::ranges::find(stream.ended, generation, &EndedGeneration::generation);
    return at == stream.ended.end() ? std::nullopt : std::optional(at->last);
}

bool is_within(StreamHistory const& stream, HeldCursor const& held) {
    auto const end = end_of(stream, held.generation);
    return end.has_value() && held.seq <= *end && held.seq <= stream.head;
}

/// By the events that the snapshot stands for, where there is one: streams differ.
std::uint64_t event_bytes(StreamHistory const& stream) {
    auto const* const snapshot = stream.snapshot;
    return snapshot == nullptr || snapshot->seq.value == 0
               ? stream.event_bytes
               : std::max<std::uint64_t>(1, snapshot->event_bytes / snapshot->seq.value);
}

/// A folded delta that may turn out larger than this is none worth waiting for.
constexpr std::uint64_t kFoldedBytesMax = 32 * 1'048'576;

/// The snapshot, or a folded delta to it, whichever is less to send; nothing if events are.
std::optional<CatchUp> load_after(StreamHistory const& stream, HeldCursor const& held, Seq after) {
    auto const* const snapshot = stream.snapshot;
    if (!held.snapshots || snapshot == nullptr || snapshot->generation != stream.generation ||
        snapshot->seq <= after || snapshot->seq > stream.head) {
        return std::nullopt;
    }
    auto const each = event_bytes(stream);
    CatchUp way{.verdict = fb::Verdict::snapshot,
                .after = snapshot->seq,
                .events = stream.head.value - snapshot->seq.value,
                .bytes = snapshot->bytes()};
    bool const folds = held.folds && held.chain && after >= snapshot->folds_from;
    auto const folded = folds ? snapshot->folded_bytes(after) : way.bytes;
    if (folded < std::min(way.bytes, kFoldedBytesMax)) {
        way.verdict = fb::Verdict::folded_delta;
        way.bytes = folded;
    }
    way.bytes += way.events * each;
    bool const is_less = way.bytes < (stream.head.value - after.value) * each;
    return is_less || after.next() < stream.tape_first ? std::optional(way) : std::nullopt;
}

CatchUp events_after(StreamHistory const& stream, Seq after, fb::Verdict verdict) {
    if (after.next() < stream.tape_first) {
        return {.verdict = fb::Verdict::denied, .why = Errc::trimmed, .after = stream.head};
    }
    auto const events = stream.head.value - after.value;
    return {.verdict = verdict,
            .after = after,
            .events = events,
            .bytes = events * event_bytes(stream)};
}

/// Whether the chain hash at the cursor is to be compared with the stream's.
bool compares(StreamHistory const& stream, HeldCursor const& held) {
    return held.chain && held.seq.value != 0 && is_within(stream, held);
}

}  // namespace

std::optional<Seq> chain_needed(StreamHistory const& stream, HeldCursor const& held) {
    bool const reads = compares(stream, held) && held.seq != stream.head;
    return reads ? std::optional(held.seq) : std::nullopt;
}

CatchUp choose_catch_up(StreamHistory const& stream,
                        HeldCursor const& held,
                        std::optional<Hash128> const& chain_there) {
    bool const knows_nothing = held.generation.value == 0;
    if (!knows_nothing && !is_within(stream, held)) {
        return events_after(stream, Seq{}, fb::Verdict::reset);
    }
    bool const at_head = held.seq == stream.head;
    if (!knows_nothing && compares(stream, held)) {
        auto const& chain = at_head ? std::optional(stream.chain) : chain_there;
        if (!chain) {
            HeldCursor const unknown{.snapshots = held.snapshots};
            if (auto const way = load_after(stream, unknown, held.seq)) {
                return *way;  // it takes the place of what is held, whatever that is
            }
            return {.verdict = fb::Verdict::denied, .why = Errc::trimmed, .after = stream.head};
        }
        if (*chain != *held.chain) {
            return events_after(stream, Seq{}, fb::Verdict::reset);
        }
    }
    auto const after = knows_nothing ? Seq{} : held.seq;
    if (auto const way = load_after(stream, held, after)) {
        return *way;
    }
    return events_after(stream, after, at_head ? fb::Verdict::up_to_date : fb::Verdict::delta);
}

}  // namespace capstan
