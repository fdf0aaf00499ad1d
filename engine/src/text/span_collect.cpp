// Collection by the merge mark: what all later events read alike is joined or dropped.
#include "text/span_list.hpp"

namespace capstan {

/// Builds the collected list. Spans that are known to all and not dead to all cut it into gaps.
/// What is dead to all says nothing but that what stands left of it and what stands right of it
/// meet there. Who knows that it is dead inserts to the left of it, so without an insertion above
/// the mark to its right, in its gap, it goes. Else it stays, as one item where there were many.
///
/// `Form::only` lets go of what differs with the moments at which lists were collected, and of what
/// only an edit that comes with a smaller stamp than one that is here can ask for: every list of
/// the same events then has the same spans. A right origin that all know is such a thing.
class SpanCollector {
  public:
    SpanCollector(SpanList& list, std::uint64_t mark, SpanList::Form form)
        : list_(list), mark_(mark), only_(form == SpanList::Form::only) {}

    void run() {
        note_targets();
        note_references();
        for_each_span([&](Span const& span) { take(span); });
        settle_gap(kEndId);
        rename();
        rebuild();
    }

  private:
    bool is_fresh(Span const& span) const { return span.inserted > mark_; }
    bool is_dead_to_all(Span const& span) const { return span.deleted <= mark_; }

    template <class Act>
    void for_each_span(Act act) {
        for (auto* chunk = list_.tree_.first(); chunk != nullptr; chunk = chunk->after) {
            for (std::size_t i = 0; i < chunk->count; ++i) {
                act(chunk->spans[i]);
            }
        }
    }

    /// Which origins can still be asked for.
    void note_targets() {
        if (!only_) {
            return;
        }
        counts_.assign(list_.id_next_, false);
        for_each_span([&](Span const& span) {
            counts_[span.start_id] = is_fresh(span);
            counts_[span.end_id] = is_fresh(span) || !is_dead_to_all(span);
        });
    }
    std::uint32_t origin(std::uint32_t id) const {
        return !only_ || id == kStartId || (id < counts_.size() && counts_[id]) ? id : kOutsideId;
    }

    void note_references() {
        references_.assign(list_.id_next_, 0);
        for_each_span([&](Span const& span) {
            if (is_fresh(span)) {
                note(origin(span.left));
            }
            if (span.inserted_last() > mark_) {
                note(origin(span.right));
            }
        });
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
        if (only_) {
            counts_.resize(list_.id_next_, true);
            counts_[known.end_id] = !is_dead_to_all(span);
        }
        take_whole(known);
        take_whole(fresh);
    }

    void take_whole(Span const& span) {
        if (is_fresh(span) || is_dead_to_all(span)) {
            gap_.push_back(span);
            gap_kept_ = is_fresh(span) ? gap_.size() : gap_kept_;
            return;
        }
        settle_gap(span.start_id);
        keep(span);
    }

    /// `next` is the first item behind the gap. It stands for those that go.
    void settle_gap(std::uint32_t next) {
        for (std::size_t i = 0; i < gap_.size(); ++i) {
            if (i < gap_kept_) {
                keep(gap_[i]);
            } else {
                successors_.emplace_back(gap_[i].start_id, next);
                if (next < references_.size()) {
                    references_[next] += references(gap_[i].start_id);
                }
            }
        }
        gap_.clear();
        gap_kept_ = 0;
    }

    void keep(Span span) {
        if (is_fresh(span)) {
            span.left = origin(span.left);
            span.right = origin(span.right);
        } else {
            span.inserted = 0;
            span.stepped = 0;
            span.device = kNobody;
            span.left = kOutsideId;
            span.right = kOutsideId;
        }
        if (is_dead_to_all(span)) {
            span.items = 1;
            span.deleted = 0;
            span.deleted_by = kNobody;
            span.deleters = 0;
        }
        span.stepped = span.stepped && span.items > 1 ? 1 : 0;
        if (kept_.empty() || !joins(kept_.back(), span)) {
            kept_.push_back(span);
            return;
        }
        join(span);
    }

    /// What one event inserted is one span, and no part of one of keystrokes: spans then follow
    /// from their items.
    void join(Span span) {
        auto& last = kept_.back();
        if (last.deleted == 0) {
            last.end_id = span.end_id;
            return;
        }
        auto const rest = span.stepped && last.inserted_last() == span.inserted
                              ? std::optional(cut_first(span))
                              : std::nullopt;
        if (last.stepped && last.inserted_last() == span.inserted) {
            kept_.push_back(cut_last(last));
        }
        auto& with = kept_.back();
        with.stepped = continues(with, span) ? 1 : 0;
        with.items += span.items;
        with.end_id = span.end_id;
        if (rest) {
            kept_.push_back(*rest);
        }
    }

    /// Leaves the first item of a stepped span, and answers the others.
    Span cut_first(Span& span) {
        auto rest = span;
        span.items = 1;
        span.end_id = list_.id_next_++;
        span.stepped = 0;
        rest.items -= 1;
        rest.inserted += 1;
        rest.start_id = list_.id_next_++;
        rest.left = span.end_id;
        rest.stepped = rest.items > 1 ? 1 : 0;
        return rest;
    }
    Span cut_last(Span& span) {
        auto last = span;
        last.inserted = span.inserted_last();
        last.items = 1;
        last.stepped = 0;
        last.start_id = list_.id_next_++;
        span.items -= 1;
        span.end_id = list_.id_next_++;
        span.stepped = span.items > 1 ? 1 : 0;
        last.left = span.end_id;
        return last;
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
        bool const together =
            a.inserted_last() == b.inserted && (only_ || (!a.stepped && !b.stepped));
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
        if (a.deleted == 0 || b.deleted == 0) {
            return a.deleted == b.deleted;
        }
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
        for (auto const& [gone, next] : successors_) {
            names[gone] = next == kEndId ? kEndId : names[next];
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
    bool only_;
    std::vector<bool> counts_;  // by id: a later event may ask for it as an origin
    std::vector<std::uint32_t> references_;
    std::vector<Span> gap_;
    std::size_t gap_kept_ = 0;  // up to its last insertion above the mark
    /// Starts that went, and what right origins that were there are now.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> successors_;
    std::vector<Span> kept_;
};

void SpanList::collect(std::uint64_t mark, Form form) {
    SpanCollector(*this, mark, form).run();
}

/// Replaces all spans; chunks are filled to three quarters, so that the next edits find room.
void SpanList::fill(std::span<Span const> spans) {
    auto const chunk_spans = std::max<std::size_t>(tuning_->chunk_spans * 3 / 4, 1);
    prepared_ = {};
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
