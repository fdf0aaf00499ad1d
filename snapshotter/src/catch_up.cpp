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

CatchUp events_after(StreamHistory const& stream, Seq after, fb::Verdict verdict) {
    if (after.next() < stream.tape_first) {
        return {.verdict = fb::Verdict::denied, .why = Errc::trimmed, .after = stream.head};
    }
    auto const events = stream.head.value - after.value;
    return {
        .verdict = verdict, .after = after, .events = events, .bytes = events * stream.event_bytes};
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
            return {.verdict = fb::Verdict::denied, .why = Errc::trimmed, .after = stream.head};
        }
        if (*chain != *held.chain) {
            return events_after(stream, Seq{}, fb::Verdict::reset);
        }
    }
    return events_after(stream,
                        knows_nothing ? Seq{} : held.seq,
                        at_head ? fb::Verdict::up_to_date : fb::Verdict::delta);
}

}  // namespace capstan
