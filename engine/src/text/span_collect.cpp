// Collection by the merge mark: what all later events read alike is joined or dropped.
#include "text/span_list.hpp"

namespace capstan {

/// Builds the collected list. Spans that are known to all and not dead to all cut it into gaps;
/// in a gap without an insertion above the mark the dead go, in any other they still keep its
/// insertions' origins apart and stay.
class SpanCollector {
  public:
    SpanCollector(SpanList& list, std::uint64_t mark) : list_(list), mark_(mark) {}

    void run() {
        note_references();
        for (auto* chunk = list_.tree_.first(); chunk != nullptr; chunk = chunk->after) {
            for (std::size_t i = 0; i < chunk->count; ++i) {
                take(chunk->spans[i]);
            }
        }
        settle_gap();
        rename();
        rebuild();
    }

  private:
    bool is_fresh(Span const& span) const { return span.inserted > mark_; }
    bool is_dead_to_all(Span const& span) const { return span.deleted <= mark_; }

    void note_references() {
        references_.assign(list_.id_next_, 0);
        for (auto* chunk = list_.tree_.first(); chunk != nullptr; chunk = chunk->after) {
            for (std::size_t i = 0; i < chunk->count; ++i) {
                auto const& span = chunk->spans[i];
                if (is_fresh(span)) {
                    note(span.left);
                }
                if (span.inserted_last() > mark_) {
                    note(span.right);
                }
            }
        }
    }
    void note(std::uint32_t id) {
        if (id < references_.size()) {
            ++references_[id];
        }
    }
    /// How many insertions above the mark have it as an origin.
    std::uint32_t references(std::uint32_t id) const {
        return id < references_.size() ? references_[id] : 0;
    }

    /// A stepped span may have sunk below the mark in part.
    void take(Span const& span) {
        if (!span.stepped || is_fresh(span) || span.inserted_last() <= mark_) {
            take_whole(span);
            return;
        }
        auto known = span;
        auto fresh = span;
        known.items = static_cast<std::uint32_t>(mark_ - span.inserted + 1);
        known.end_id = list_.id_next_++;
        fresh.items -= known.items;
        fresh.inserted = mark_ + 1;
        fresh.start_id = list_.id_next_++;
        fresh.left = known.end_id;
        fresh.kept_at += known.items;
        take_whole(known);
        take_whole(fresh);
    }

    void take_whole(Span const& span) {
        if (is_fresh(span) || is_dead_to_all(span)) {
            gap_.push_back(span);
            gap_has_fresh_ = gap_has_fresh_ || is_fresh(span);
            return;
        }
        settle_gap();
        keep(span);
    }

    void settle_gap() {
        for (auto const& span : gap_) {
            if (gap_has_fresh_) {
                keep(span);
            }
        }
        gap_.clear();
        gap_has_fresh_ = false;
    }

    void keep(Span span) {
        if (!is_fresh(span)) {
            span.inserted = 0;
            span.stepped = 0;
            span.device = kNobody;
            span.left = kOutsideId;
            span.right = kOutsideId;
        }
        if (is_dead_to_all(span)) {
            span.deleted = 0;
            span.deleted_by = kNobody;
            span.deleters = 0;
        }
        span.stepped = span.stepped && span.items > 1 ? 1 : 0;
        if (kept_.empty() || !joins(kept_.back(), span)) {
            kept_.push_back(span);
            return;
        }
        auto& last = kept_.back();
        last.stepped = continues(last, span) ? 1 : 0;
        last.items += span.items;
        last.end_id = span.end_id;
    }

    /// The next keystrokes of one device.
    static bool continues(Span const& a, Span const& b) {
        return a.inserted != 0 && (a.stepped || a.items == 1) && (b.stepped || b.items == 1) &&
               a.inserted_last() + 1 == b.inserted && !Stamp{b.inserted}.is_pending();
    }
    bool is_inserted_alike(Span const& a, Span const& b) const {
        if (a.inserted == 0 || b.inserted == 0) {
            return a.inserted == b.inserted && references(a.end_id) == 0;
        }
        bool const together = a.inserted == b.inserted && !a.stepped && !b.stepped;
        return (together || continues(a, b)) && a.device == b.device && b.left == a.end_id &&
               a.right == b.right && references(a.end_id) == 1;
    }
    bool is_deleted_alike(Span const& a, Span const& b) const {
        auto const others = [&](Span const& span) {
            return span.deleters == 0 ? std::vector<std::uint32_t>{}
                                      : list_.deleters_[span.deleters - 1];
        };
        return a.deleted == b.deleted && a.deleted_by == b.deleted_by &&
               (a.is_alive() || !Stamp{a.deleted}.is_pending()) && others(a) == others(b);
    }
    /// Nothing tells where one ends and the other begins.
    bool joins(Span const& a, Span const& b) const {
        return is_inserted_alike(a, b) && is_deleted_alike(a, b) && references(b.start_id) == 0 &&
               b.items <= kSpanItemsMax - a.items;
    }

    /// Ids from 1 again, so that what is indexed by them stays as small as the list.
    void rename() {
        std::vector<std::uint32_t> names(list_.id_next_, kOutsideId);
        list_.id_next_ = 1;
        names[kStartId] = kStartId;
        for (auto& span : kept_) {
            for (auto* id : {&span.start_id, &span.end_id}) {
                names[*id] = list_.id_next_;
                *id = list_.id_next_++;
            }
        }
        auto const renamed = [&](std::uint32_t id) { return id < names.size() ? names[id] : id; };
        for (auto& span : kept_) {
            span.left = renamed(span.left);
            span.right = renamed(span.right);
        }
        list_.scan_of_id_.clear();
        list_.scan_ = 0;
    }

    /// The halves of a span that the mark cut still share theirs.
    void rebuild() {
        std::vector<std::vector<std::uint32_t>> deleters;
        for (auto& span : kept_) {
            if (span.deleters != 0) {
                deleters.push_back(list_.deleters_[span.deleters - 1]);
                span.deleters = static_cast<std::uint32_t>(deleters.size());
            }
        }
        list_.deleters_ = std::move(deleters);
        list_.fill(kept_);
    }

    SpanList& list_;
    std::uint64_t mark_;
    std::vector<std::uint32_t> references_;
    std::vector<Span> gap_;
    bool gap_has_fresh_ = false;
    std::vector<Span> kept_;
};

void SpanList::collect(std::uint64_t mark) {
    SpanCollector(*this, mark).run();
}

/// Replaces all spans; chunks are filled to three quarters, so that the next edits find room.
void SpanList::fill(std::span<Span const> spans) {
    auto const chunk_spans = std::max<std::size_t>(tuning_->chunk_spans * 3 / 4, 1);
    prepared_.far = false;
    auto next_chunk = [&] {
        auto chunk = std::make_unique<SpanChunk>();
        chunk->count = std::min(chunk_spans, spans.size());
        std::ranges::copy(spans.first(chunk->count), chunk->spans.begin());
        spans = spans.subspan(chunk->count);
        return chunk;
    };
    spans_ = spans.size();
    auto first = next_chunk();
    auto const sum = sum_of(*first);
    tree_ = Tree(std::move(first), sum);
    while (!spans.empty()) {
        auto chunk = next_chunk();
        auto const more = sum_of(*chunk);
        tree_.insert_after(tree_.last(), std::move(chunk), more);
    }
}

}  // namespace capstan
