// Pending edits in the window list: acknowledged, read at the head, taken out.
#include "text/span_list.hpp"

namespace capstan {
namespace {

/// Prefix sums over the spans that change while pending edits are gone through in their order.
class Lengths {
  public:
    explicit Lengths(std::size_t count) : sums_(count + 1, 0) {}
    void add(std::size_t at, std::uint64_t delta) {
        for (++at; at < sums_.size(); at += at & (~at + 1)) {
            sums_[at] += delta;
        }
    }
    std::uint64_t before(std::size_t at) const {
        std::uint64_t sum = 0;
        for (; at > 0; at -= at & (~at + 1)) {
            sum += sums_[at];
        }
        return sum;
    }

  private:
    std::vector<std::uint64_t> sums_;
};

bool is_among(std::span<Stamp const> stamps, std::uint64_t stamp) {
    return std::ranges::binary_search(stamps, Stamp{stamp});
}

/// What a pending edit still says of one span.
struct Part {
    std::uint64_t stamp;
    std::size_t index;
    std::uint64_t items;
    std::uint64_t tip_at;
    bool inserts;
};

}  // namespace

void SpanList::acknowledge(std::uint64_t pending, std::uint64_t seq) {
    prepared_ = {};
    auto const skip = [&](SpanSum const& sum) { return sum.touch < pending; };
    std::vector<SpanChunk*> chunks;
    tree_.search(skip, [&](SpanChunk* chunk) {
        chunks.push_back(chunk);
        return false;
    });
    for (auto* chunk : chunks) {
        for (std::size_t i = 0; i < chunk->count; ++i) {
            auto& span = chunk->spans[i];
            span.inserted = span.inserted == pending ? seq : span.inserted;
            span.deleted = span.deleted == pending ? seq : span.deleted;
        }
        tree_.set(chunk, sum_of(*chunk));
    }
}

/// What is pending and dead at the head leaves no piece: it was never there for anyone else.
void SpanList::read_pending(std::vector<PendingPiece>& pieces) const {
    Lengths lengths(spans_);
    std::vector<Part> parts;
    std::size_t index = 0;
    std::uint64_t tip = 0;
    for (auto const* chunk = tree_.first(); chunk != nullptr; chunk = chunk->after) {
        for (std::size_t i = 0; i < chunk->count; ++i, ++index) {
            auto const& span = chunk->spans[i];
            bool const own = Stamp{span.inserted}.is_pending();
            bool const own_delete = !span.is_alive() && Stamp{span.deleted}.is_pending();
            if (own && span.is_alive()) {
                parts.push_back({span.inserted, index, span.items, tip, true});
            } else if (!own && own_delete) {
                parts.push_back({span.deleted, index, span.items, tip, false});
            }
            if (!own && (span.is_alive() || own_delete)) {
                lengths.add(index, span.items);
            }
            tip += span.is_alive() ? span.items : 0;
        }
    }
    std::ranges::stable_sort(parts, {}, &Part::stamp);
    for (auto const& part : parts) {
        auto const at = lengths.before(part.index);
        lengths.add(part.index, part.inserts ? part.items : 0 - part.items);
        pieces.push_back({Stamp{part.stamp},
                          {at, part.inserts ? 0 : part.items, part.inserts ? part.items : 0},
                          part.tip_at});
    }
}

void SpanList::withdraw(std::span<Stamp const> stamps,
                        std::vector<Splice>& effects,
                        std::vector<std::uint64_t>& restored_from) {
    std::vector<Span> kept;
    kept.reserve(spans_);
    std::uint64_t tip = 0;
    for (auto const* chunk = tree_.first(); chunk != nullptr; chunk = chunk->after) {
        for (std::size_t i = 0; i < chunk->count; ++i) {
            auto span = chunk->spans[i];
            if (is_among(stamps, span.inserted)) {
                if (span.is_alive()) {
                    effects.push_back({tip, span.items, 0});
                }
                continue;
            }
            if (!span.is_alive() && is_among(stamps, span.deleted)) {
                span.deleted = kAlive;
                span.deleted_by = kNobody;
                effects.push_back({tip, 0, span.items});
                restored_from.push_back(span.kept_at);
            }
            tip += span.is_alive() ? span.items : 0;
            kept.push_back(span);
        }
    }
    fill(kept);
}

}  // namespace capstan
