#include <capstan/engine/text/window.hpp>

#include "text/span_list.hpp"

namespace capstan {

EditWindow::EditWindow(EditTuning const& tuning)
    : tuning_(&tuning), collect_at_(tuning.collect_spans) {}
EditWindow::EditWindow(EditWindow&&) noexcept = default;
EditWindow& EditWindow::operator=(EditWindow&&) noexcept = default;
EditWindow::~EditWindow() = default;

bool EditWindow::is_sequential(EditStamp const& stamp) const {
    return pending_.empty() && !stamp.at.is_pending() && sees_head(stamp);
}

bool EditWindow::sees_head(EditStamp const& stamp) const {
    auto const p = stamp.preceding_seq.value;
    bool const knows_seqs = p >= touched_ || (stamp.device == touched_by_ && p >= touched_other_);
    return knows_seqs && (pending_.empty() || stamp.device == pending_device_);
}

bool EditWindow::continues(Noted const& last,
                           std::uint64_t seq,
                           DeviceIndex device,
                           Splice const& splice) const {
    return last.seq_last() + 1 == seq && last.device == device.value && splice.removed == 0 &&
           splice.inserted == 1 && last.splice.removed == 0 &&
           last.splice.inserted == last.events && splice.at == last.splice.at + last.events &&
           last.events < kSpanItemsMax;
}

void EditWindow::note(EditStamp const& stamp, Splice const& splice, std::uint64_t tip_items) {
    auto const seq = stamp.at.value;
    touch(seq, stamp.device);
    if (seq <= mark_) {
        return;
    }
    if (tail_first_ < tail_.size() && continues(tail_.back(), seq, stamp.device, splice)) {
        ++tail_.back().splice.inserted;
        ++tail_.back().events;
        return;
    }
    if (tail_.size() - tail_first_ >= tuning_->tail_edits) {
        open(tip_items - splice.inserted + splice.removed);
    }
    tail_.push_back({seq, splice, stamp.device.value, 1});
}

/// Events of one device may be acknowledged ahead of others' earlier ones.
void EditWindow::touch(std::uint64_t seq, DeviceIndex device) {
    if (device == touched_by_) {
        touched_ = std::max(touched_, seq);
    } else if (seq > touched_) {
        touched_other_ = std::exchange(touched_, seq);
        touched_by_ = device;
    } else {
        touched_other_ = std::max(touched_other_, seq);
    }
}

std::uint64_t EditWindow::items_before_tail(std::uint64_t tip_items) const {
    for (auto i = tail_.size(); i > tail_first_; --i) {
        auto const& splice = tail_[i - 1].splice;
        tip_items += splice.removed - splice.inserted;
    }
    return tip_items;
}

void EditWindow::open(std::uint64_t tip_items) {
    if (list_ == nullptr) {
        list_ = std::make_unique<SpanList>(items_before_tail(tip_items), *tuning_);
    }
    std::vector<Splice> known;  // the owner has them already
    for (; tail_first_ < tail_.size(); ++tail_first_) {
        auto const& noted = tail_[tail_first_];
        auto const& splice = noted.splice;
        AuthorView const view{noted.seq - 1, noted.device, Sums::head};
        if (splice.removed > 0) {
            list_->erase(view, {noted.seq, splice.at, splice.removed}, 0, known);
        }
        if (splice.inserted > 0) {
            list_->insert(view,
                          {noted.seq,
                           splice.at,
                           static_cast<std::uint32_t>(splice.inserted),
                           noted.events > 1});
        }
        list_top_ = std::max(list_top_, noted.seq_last());
    }
    tail_.clear();
    tail_first_ = 0;
}

/// Pending edits come one behind the other, from one place, and are in each other's way: none of
/// their stamps is at or below p.
AuthorView EditWindow::view_of(EditStamp const& stamp) const {
    auto const p = stamp.preceding_seq.value;
    if (sees_head(stamp)) {
        return {p, stamp.device.value, Sums::head};
    }
    bool const far = touched_ > p && touched_ - p > tuning_->far_seqs;
    return {p, stamp.device.value, far || stamp.at.is_pending() ? Sums::prepared : Sums::none};
}

std::uint64_t EditWindow::view_items(EditStamp const& stamp) {
    return list_->view_items(view_of(stamp));
}

void EditWindow::apply(EditStamp const& stamp,
                       Splice const& splice,
                       std::uint64_t kept_at,
                       std::vector<Splice>& effects) {
    auto const view = view_of(stamp);
    if (splice.removed > 0) {
        list_->erase(view, {stamp.at.value, splice.at, splice.removed}, kept_at, effects);
    }
    if (splice.inserted > 0) {
        auto const items = static_cast<std::uint32_t>(splice.inserted);
        auto const tip = list_->insert(view, {stamp.at.value, splice.at, items});
        if (effects.empty() || effects.back().at != tip || effects.back().inserted != 0) {
            effects.push_back({tip, 0, 0});
        }
        effects.back().inserted = splice.inserted;
    }
    if (!stamp.at.is_pending()) {
        touch(stamp.at.value, stamp.device);
        list_top_ = std::max(list_top_, stamp.at.value);
    } else if (pending_.empty() || pending_.back() < stamp.at) {
        pending_.push_back(stamp.at);
        pending_device_ = stamp.device;
    }
}

void EditWindow::forget_noted(Seq mark) {
    while (tail_first_ < tail_.size() && tail_[tail_first_].seq_last() <= mark.value) {
        ++tail_first_;
    }
    if (tail_first_ == tail_.size() || tail_first_ > tail_.size() / 2) {
        tail_.erase(tail_.begin(), tail_.begin() + static_cast<std::ptrdiff_t>(tail_first_));
        tail_first_ = 0;
    }
}

void EditWindow::advance(Seq mark) {
    if (mark.value <= mark_) {
        return;
    }
    mark_ = mark.value;
    forget_noted(mark);
    if (list_ == nullptr) {
        return;
    }
    if (pending_.empty() && list_top_ <= mark_) {
        list_.reset();
        collect_at_ = tuning_->collect_spans;
    } else if (list_->spans() > collect_at_) {
        list_->collect(mark_);
        collect_at_ = std::max(tuning_->collect_spans, 2 * list_->spans());
    }
}

void EditWindow::collect(Seq mark) {
    advance(mark);
    if (list_ != nullptr) {
        list_->collect(mark_);
    }
}

bool EditWindow::acknowledge(Stamp pending, Seq seq) {
    auto const at = std::ranges::lower_bound(pending_, pending);
    if (at == pending_.end() || *at != pending) {
        return false;
    }
    pending_.erase(at);
    list_->acknowledge(pending.value, seq.value);
    touch(seq.value, pending_device_);
    list_top_ = std::max(list_top_, seq.value);
    return true;
}

std::vector<PendingPiece> EditWindow::read_pending() const {
    std::vector<PendingPiece> pieces;
    if (!pending_.empty()) {
        list_->read_pending(pieces);
    }
    return pieces;
}

void EditWindow::withdraw(std::span<Stamp const> stamps,
                          std::vector<Splice>& effects,
                          std::vector<std::uint64_t>& restored_from) {
    if (list_ == nullptr) {
        return;
    }
    list_->withdraw(stamps, effects, restored_from);
    std::erase_if(pending_, [&](Stamp stamp) { return std::ranges::binary_search(stamps, stamp); });
}

EditWindow EditWindow::clone() const {
    EditWindow copy(*tuning_);
    copy.list_ = list_ == nullptr ? nullptr : std::make_unique<SpanList>(list_->clone());
    copy.tail_ = tail_;
    copy.tail_first_ = tail_first_;
    copy.pending_ = pending_;
    copy.pending_device_ = pending_device_;
    copy.touched_ = touched_;
    copy.touched_by_ = touched_by_;
    copy.touched_other_ = touched_other_;
    copy.list_top_ = list_top_;
    copy.mark_ = mark_;
    copy.collect_at_ = collect_at_;
    return copy;
}

Bytes EditWindow::save(Seq mark, std::uint64_t tip_items) const {
    CAPSTAN_INVARIANT(pending_.empty());
    if (touched_ <= mark.value) {
        return {};
    }
    auto copy = clone();
    copy.advance(mark);
    copy.open(tip_items);
    copy.list_->collect(copy.mark_, SpanList::Form::only);
    return copy.list_->save(copy.mark_, touched_);
}

Result<EditWindow> EditWindow::load(ByteView section,
                                    std::uint64_t tip_items,
                                    EditTuning const& tuning) {
    EditWindow window(tuning);
    if (section.empty()) {
        return window;
    }
    CAPSTAN_TRY(auto loaded, SpanList::load(section, tuning));
    auto& [list, mark, touched] = loaded;
    if (list.tip_items() != tip_items) {
        return Error{Errc::malformed,
                     "window section of " + std::to_string(list.tip_items()) +
                         " items beside content of " + std::to_string(tip_items)};
    }
    list.collect(mark, SpanList::Form::only);
    if (!std::ranges::equal(list.save(mark, touched), section)) {
        return Error{Errc::malformed, "window section: not in its only form"};
    }
    window.list_ = std::make_unique<SpanList>(std::move(list));
    window.mark_ = mark;
    window.list_top_ = touched;
    window.touched_ = touched;
    window.touched_by_ = DeviceIndex{kNobody};
    window.touched_other_ = touched;
    return window;
}

std::size_t EditWindow::spans() const {
    return list_ == nullptr ? 0 : list_->spans();
}

std::uint64_t EditWindow::spans_counted() const {
    return list_ == nullptr ? 0 : list_->spans_counted();
}

std::uint64_t EditWindow::memory_bytes() const {
    return tail_.capacity() * sizeof(Noted) + pending_.capacity() * sizeof(Stamp) +
           (list_ == nullptr ? 0 : list_->memory_bytes());
}

void EditWindow::check_invariants(std::uint64_t tip_items) const {
    CAPSTAN_INVARIANT(std::ranges::is_sorted(pending_));
    if (list_ != nullptr) {
        CAPSTAN_INVARIANT(list_->tip_items() == items_before_tail(tip_items));
        list_->check_invariants();
    }
}

}  // namespace capstan
