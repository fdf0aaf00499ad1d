// The window list: reading it through an author's eyes, inserting and deleting.
#include "text/span_list.hpp"

namespace capstan {
namespace {

std::unique_ptr<SpanChunk> first_chunk(std::uint64_t items, std::uint32_t& id_next) {
    auto chunk = std::make_unique<SpanChunk>();
    while (items > 0) {
        CAPSTAN_INVARIANT(chunk->count < 2);
        Span span;
        span.items = static_cast<std::uint32_t>(std::min<std::uint64_t>(items, kSpanItemsMax));
        span.start_id = id_next++;
        span.end_id = id_next++;
        items -= span.items;
        chunk->spans[chunk->count++] = span;
    }
    return chunk;
}

std::uint64_t tip_items_of(Span const& span) {
    return span.is_alive() ? span.items : 0;
}

}  // namespace

SpanList::SpanList(std::uint64_t items, EditTuning const& tuning)
    : tuning_(&tuning), tree_(first_chunk(items, id_next_)) {
    spans_ = tree_.first()->count;
    tree_.set(tree_.first(), sum_of(*tree_.first()));
}

/// How many of the span's items had reached the author. A stepped span may have come in part.
std::uint64_t SpanList::known_items(Span const& span, AuthorView const& view) const {
    if (span.inserted_last() <= view.p || span.device == view.device) {
        return span.items;
    }
    return span.stepped && span.inserted <= view.p ? view.p - span.inserted + 1 : 0;
}

bool SpanList::is_gone(Span const& span, AuthorView const& view) const {
    if (span.is_alive()) {
        return false;
    }
    if (span.deleted <= view.p || span.deleted_by == view.device) {
        return true;
    }
    if (span.deleters == 0) {
        return false;
    }
    auto const& others = deleters_[span.deleters - 1];
    return std::ranges::binary_search(others, view.device);
}

std::uint64_t SpanList::visible_items(Span const& span, AuthorView const& view) const {
    return is_gone(span, view) ? 0 : known_items(span, view);
}

std::uint64_t SpanList::visible_items(SpanChunk const& chunk, AuthorView const& view) const {
    std::uint64_t items = 0;
    for (std::size_t i = 0; i < chunk.count; ++i) {
        items += visible_items(chunk.spans[i], view);
    }
    spans_counted_ += chunk.count;
    return items;
}

SpanSum SpanList::sum_of(SpanChunk const& chunk) const {
    SpanSum sum;
    for (std::size_t i = 0; i < chunk.count; ++i) {
        sum.tip += tip_items_of(chunk.spans[i]);
        sum.touch = std::max(sum.touch, chunk.spans[i].touch());
    }
    sum.view = is_prepared() ? visible_items(chunk, prepared_) : 0;
    return sum;
}

/// Counts every chunk once as the view has it, if it wants that; the author's own edits keep the
/// sums right, and those of others after p are not visible to it.
void SpanList::prepare(AuthorView const& view) {
    if (view.sums != Sums::prepared || prepared_ == view) {
        return;
    }
    prepared_ = view;
    for (auto* chunk = tree_.first(); chunk != nullptr; chunk = chunk->after) {
        auto const old = tree_.sum(chunk);
        auto const items = old.touch <= view.p ? old.tip : visible_items(*chunk, view);
        tree_.add(chunk, SpanSum{0, items - old.view, 0});
    }
}

std::uint64_t SpanList::view_items(AuthorView const& view) {
    prepare(view);
    if (view.sums != Sums::none) {
        return view.sums == Sums::head ? tip_items() : tree_.total().view;
    }
    std::uint64_t items = 0;
    tree_.search(
        [&](SpanSum const& sum) {
            items += sum.touch <= view.p ? sum.tip : 0;
            return sum.touch <= view.p;
        },
        [&](SpanChunk const* chunk) {
            items += visible_items(*chunk, view);
            return false;
        });
    return items;
}

/// The gap right after the at-th visible item; splits a span that it lies in.
auto SpanList::locate(std::uint64_t at, AuthorView const& view) -> Place {
    if (at == 0) {
        return {tree_.first(), 0};
    }
    auto passes = [&](std::uint64_t items) {
        bool const past = at > items;
        at -= past ? items : 0;
        return past;
    };
    bool const summed = view.sums != Sums::none;
    auto* chunk = tree_.search(
        [&](SpanSum const& sum) {
            return (summed || sum.touch <= view.p) &&
                   passes(view.sums == Sums::prepared ? sum.view : sum.tip);
        },
        [&](SpanChunk const* leaf) { return summed || !passes(visible_items(*leaf, view)); });
    CAPSTAN_INVARIANT(chunk != nullptr);
    std::size_t index = 0;
    while (passes(visible_items(chunk->spans[index], view))) {
        ++index;
    }
    spans_counted_ += index + 1;
    auto const whole = at == chunk->spans[index].items;
    return whole ? Place{chunk, index + 1} : split({chunk, index}, static_cast<std::uint32_t>(at));
}

/// Splits the span behind `place` after that many items; the gap between the halves is the answer.
auto SpanList::split(Place place, std::uint32_t items) -> Place {
    auto const gap = make_room({place.chunk, place.index + 1});
    auto& left = gap.chunk->spans[gap.index - 1];
    auto right = left;
    left.items = items;
    left.end_id = id_next_++;
    right.items -= items;
    right.start_id = id_next_++;
    right.left = left.end_id;
    right.inserted += left.stepped ? items : 0;
    right.kept_at += items;
    if (left.deleters != 0) {
        deleters_.push_back(deleters_[left.deleters - 1]);
        right.deleters = static_cast<std::uint32_t>(deleters_.size());
    }
    place_span(gap, right);
    return gap;
}

/// The same gap in a chunk with a free slot, never as the first of a chunk that was split.
auto SpanList::make_room(Place gap) -> Place {
    auto* const chunk = gap.chunk;
    if (chunk->count < tuning_->chunk_spans) {
        return gap;
    }
    auto right = std::make_unique<SpanChunk>();
    auto const kept = chunk->count / 2;
    right->count = chunk->count - kept;
    std::copy_n(chunk->spans.begin() + static_cast<std::ptrdiff_t>(kept),
                right->count,
                right->spans.begin());
    chunk->count = kept;
    tree_.set(chunk, sum_of(*chunk));
    auto const sum = sum_of(*right);
    auto* const placed = tree_.insert_after(chunk, std::move(right), sum);
    return gap.index <= kept ? gap : Place{placed, gap.index - kept};
}

/// Puts a span into the gap of a chunk with room, without counting it.
Span& SpanList::place_span(Place gap, Span const& span) {
    auto const first = gap.chunk->spans.begin() + static_cast<std::ptrdiff_t>(gap.index);
    auto const end = gap.chunk->spans.begin() + static_cast<std::ptrdiff_t>(gap.chunk->count);
    std::copy_backward(first, end, end + 1);
    *first = span;
    ++gap.chunk->count;
    ++spans_;
    return *first;
}

/// Moves a place behind the end of its chunk to the next span; false at the end of the list.
bool SpanList::skip_ends(Place& place) {
    while (place.index == place.chunk->count) {
        if (place.chunk->after == nullptr) {
            return false;
        }
        place = {place.chunk->after, 0};
    }
    return true;
}

Span const* SpanList::span_before(Place place) {
    while (place.index == 0) {
        if (place.chunk->before == nullptr) {
            return nullptr;
        }
        place = {place.chunk->before, place.chunk->before->count};
    }
    return &place.chunk->spans[place.index - 1];
}

std::uint64_t SpanList::tip_before(Place place) const {
    auto items = tree_.before(place.chunk).tip;
    for (std::size_t i = 0; i < place.index; ++i) {
        items += tip_items_of(place.chunk->spans[i]);
    }
    return items;
}

/// Tells the sums about a change by the view's own author. Once that has moved on, sums prepared
/// for it are of no use.
void SpanList::changed(SpanChunk* chunk, AuthorView const& view, SpanSum delta) {
    bool const own = is_prepared() && prepared_.device == view.device;
    if (own && prepared_.p != view.p) {
        prepared_ = {};
    }
    delta.view = own ? delta.view : 0;
    tree_.add(chunk, delta);
}

std::uint64_t SpanList::insert(AuthorView const& view, Insertion const& insertion) {
    prepare(view);
    auto const start = locate(insertion.at, view);
    auto const left = insertion.at == 0 ? kStartId : span_before(start)->end_id;
    auto const origins = gather_gap(start, left, view);
    auto gap = gap_.empty() ? start : integrate(start, origins, insertion.stamp);
    if (extend(gap, view, insertion, origins)) {
        return tip_before(gap) - insertion.items;
    }
    gap = make_room(gap);
    auto& span = place_span(gap, Span{});
    span.inserted = insertion.stamp;
    span.items = insertion.items;
    span.start_id = id_next_++;
    span.end_id = id_next_++;
    span.left = origins.left;
    span.right = origins.right;
    span.device = view.device & kDeviceMask;
    span.stepped = insertion.stepped ? 1 : 0;
    changed(gap.chunk, view, {insertion.items, insertion.items, span.inserted_last()});
    return tip_before(gap);
}

/// Continues the span before the gap if that says the same: the next item of the same device at
/// the same place, by the next event or by the same one.
bool SpanList::extend(Place gap,
                      AuthorView const& view,
                      Insertion const& insertion,
                      Origins const& origins) {
    if (gap.index == 0 || !gap_.empty()) {
        return false;
    }
    auto& span = gap.chunk->spans[gap.index - 1];
    if (!span.is_alive() || span.device != view.device || span.end_id != origins.left ||
        span.right != origins.right || insertion.items > kSpanItemsMax - span.items) {
        return false;
    }
    bool const same = !span.stepped && !insertion.stepped && span.inserted == insertion.stamp;
    bool const next =
        (span.stepped || span.items == 1) && (insertion.stepped || insertion.items == 1) &&
        span.inserted_last() + 1 == insertion.stamp && !Stamp{insertion.stamp}.is_pending();
    if (!same && !next) {
        return false;
    }
    span.stepped = next ? 1 : 0;
    span.items += insertion.items;
    changed(gap.chunk, view, {insertion.items, insertion.items, span.inserted_last()});
    return true;
}

void SpanList::erase(AuthorView const& view,
                     Removal const& removal,
                     std::uint64_t kept_at,
                     std::vector<Splice>& effects) {
    prepare(view);
    auto place = locate(removal.at, view);
    auto tip = tip_before(place);
    auto rest = removal.items;
    while (rest > 0) {
        CAPSTAN_INVARIANT(skip_ends(place));
        auto const* span = &place.chunk->spans[place.index];
        auto const taken = std::min(rest, visible_items(*span, view));
        if (taken == 0) {
            tip += tip_items_of(*span);
            ++place.index;
            continue;
        }
        if (taken < span->items) {
            place = split(place, static_cast<std::uint32_t>(taken));
            --place.index;
            span = &place.chunk->spans[place.index];
        }
        rest -= taken;
        auto const at_head = span->is_alive() ? taken : 0;
        if (at_head > 0) {
            if (effects.empty() || effects.back().at != tip || effects.back().inserted != 0) {
                effects.push_back({tip, 0, 0});
            }
            effects.back().removed += taken;
        }
        mark_deleted(place, view, removal.stamp, kept_at);
        kept_at += at_head;
        ++place.index;
    }
}

/// A sequenced delete takes over from a pending one, which has the greater stamp. Other deleters
/// are kept ascending.
void SpanList::mark_deleted(Place place,
                            AuthorView const& view,
                            std::uint64_t stamp,
                            std::uint64_t kept_at) {
    auto& span = place.chunk->spans[place.index];
    SpanSum delta{0, 0 - std::uint64_t{span.items}, stamp};
    if (span.is_alive()) {
        delta.tip = 0 - std::uint64_t{span.items};
        span.deleted = stamp;
        span.deleted_by = view.device;
        span.kept_at = static_cast<std::uint32_t>(kept_at);
    } else {
        auto other = view.device;
        if (span.deleted > stamp) {
            span.deleted = stamp;
            other = std::exchange(span.deleted_by, view.device);
        }
        if (span.deleters == 0) {
            deleters_.emplace_back();
            span.deleters = static_cast<std::uint32_t>(deleters_.size());
        }
        auto& others = deleters_[span.deleters - 1];
        auto const place_of_other = std::ranges::lower_bound(others, other);
        if (place_of_other == others.end() || *place_of_other != other) {
            others.insert(place_of_other, other);
        }
    }
    changed(place.chunk, view, delta);
}

std::vector<Span> SpanList::all_spans() const {
    std::vector<Span> spans;
    spans.reserve(spans_);
    for (auto const* chunk = tree_.first(); chunk != nullptr; chunk = chunk->after) {
        auto const all = std::span<Span const>(chunk->spans).first(chunk->count);
        spans.insert(spans.end(), all.begin(), all.end());
    }
    return spans;
}

SpanList SpanList::clone() const {
    SpanList copy(0, *tuning_);
    copy.id_next_ = id_next_;
    copy.deleters_ = deleters_;
    copy.fill(all_spans());
    return copy;
}

void SpanList::check_invariants() const {
    tree_.check_invariants();
    std::vector<bool> seen(id_next_);
    std::size_t spans = 0;
    for (auto const* chunk = tree_.first(); chunk != nullptr; chunk = chunk->after) {
        auto const have = tree_.sum(chunk);
        auto const want = sum_of(*chunk);
        CAPSTAN_INVARIANT(have.tip == want.tip && have.touch >= want.touch);
        CAPSTAN_INVARIANT(!is_prepared() || have.view == want.view);
        CAPSTAN_INVARIANT(chunk->count > 0 || tree_.leaves() == 1);
        spans += chunk->count;
        for (std::size_t i = 0; i < chunk->count; ++i) {
            auto const& span = chunk->spans[i];
            CAPSTAN_INVARIANT(span.items > 0);
            CAPSTAN_INVARIANT(!span.stepped || !Stamp{span.inserted}.is_pending());
            for (auto const id : {span.start_id, span.end_id}) {
                CAPSTAN_INVARIANT(id > kStartId && id < id_next_ && !seen[id]);
                seen[id] = true;
            }
        }
    }
    CAPSTAN_INVARIANT(spans == spans_);
}

}  // namespace capstan
