// The functions of Merging; included by the files that instantiate it.
#pragma once
#include <algorithm>
#include <capstan/engine/text/merging.hpp>

namespace capstan {
namespace merging_internal {

template <class Edit, class Count>
bool lie_within(std::uint64_t items, std::span<Edit const> splices, Count count) {
    for (auto const& splice : splices) {
        if (splice.at > items || splice.removed > items - splice.at) {
            return false;
        }
        items += count(splice.inserted) - splice.removed;
    }
    return true;
}

}  // namespace merging_internal

template <class Content>
Merging<Content>::Merging(EditTuning const& tuning) : Merging(Piece{}, tuning) {}

template <class Content>
Merging<Content>::Merging(Piece content, EditTuning const& tuning)
    : content_(content, tuning), window_(tuning) {}

template <class Content>
auto Merging<Content>::clone() const -> Merging {
    auto const all = content_.all();
    Merging copy(Piece(all), window_.tuning());
    copy.window_ = window_.clone();
    copy.removed_ = removed_ == nullptr ? nullptr : std::make_unique<Items>(*removed_);
    return copy;
}

/// Most do even if as little came as could have; only else is it counted.
template <class Content>
bool Merging<Content>::fits(std::uint64_t items, std::span<Edit const> splices) {
    return merging_internal::lie_within(items, splices, Content::count_least) ||
           merging_internal::lie_within(items, splices, Content::count);
}

template <class Content>
EditVerdict Merging<Content>::check(EditStamp const& stamp, std::span<Edit const> splices) {
    if (stamp.preceding_seq < stamp.merge_mark) {
        return EditVerdict::below_mark;
    }
    auto items = content_.items();
    if (!window_.is_sequential(stamp)) {
        window_.open(items);
        items = window_.view_items(stamp);
    }
    return fits(items, splices) ? EditVerdict::applied : EditVerdict::outside_view;
}

template <class Content>
EditVerdict Merging<Content>::apply(EditStamp const& stamp,
                                    std::span<Edit const> splices,
                                    std::vector<Edit>& effects,
                                    Items* removed) {
    window_.advance(stamp.merge_mark);
    auto const verdict = check(stamp, splices);
    if (verdict != EditVerdict::applied) {
        return verdict;
    }
    if (window_.is_sequential(stamp)) {
        apply_at_head(stamp, splices, effects, removed);
        return verdict;
    }
    for (auto const& splice : splices) {
        apply_in_window(stamp, splice, effects, removed);
    }
    return verdict;
}

template <class Content>
void Merging<Content>::apply_at_head(EditStamp const& stamp,
                                     std::span<Edit const> splices,
                                     std::vector<Edit>& effects,
                                     Items* removed) {
    for (auto const& splice : splices) {
        if (splice.removed == 0 && splice.inserted.empty()) {
            continue;
        }
        if (removed != nullptr) {
            content_.append_slice(*removed, splice.at, splice.removed);
        }
        content_.erase(splice.at, splice.removed);
        auto const inserted = content_.insert(splice.at, splice.inserted);
        window_.note(stamp, {splice.at, splice.removed, inserted}, content_.items());
        effects.push_back(splice);
    }
}

template <class Content>
void Merging<Content>::apply_in_window(EditStamp const& stamp,
                                       Edit const& splice,
                                       std::vector<Edit>& effects,
                                       Items* removed) {
    if (splice.removed == 0 && splice.inserted.empty()) {
        return;
    }
    bool const keeps = stamp.at.is_pending() && splice.removed > 0;
    if (keeps && removed_ == nullptr) {
        removed_ = std::make_unique<Items>();
    }
    auto const kept_at = removed_ == nullptr ? 0 : Content::count(*removed_);
    pieces_.clear();
    window_.apply(
        stamp, {splice.at, splice.removed, Content::count(splice.inserted)}, kept_at, pieces_);
    for (auto const& piece : pieces_) {
        for (auto* sink : {keeps ? removed_.get() : nullptr, removed}) {
            if (sink != nullptr) {
                content_.append_slice(*sink, piece.at, piece.removed);
            }
        }
        content_.erase(piece.at, piece.removed);
        auto const inserted = piece.inserted > 0 ? splice.inserted : Piece{};
        content_.insert(piece.at, inserted);
        effects.push_back({piece.at, piece.removed, inserted});
    }
}

/// Effects that put items back point into `restored`.
template <class Content>
void Merging<Content>::withdraw(std::span<Stamp const> stamps,
                                std::vector<Items>& restored,
                                std::vector<Edit>& effects) {
    pieces_.clear();
    std::vector<std::uint64_t> restored_from;
    window_.withdraw(stamps, pieces_, restored_from);
    restored.clear();
    restored.reserve(restored_from.size());
    for (auto const& piece : pieces_) {
        content_.erase(piece.at, piece.removed);
        Piece back{};
        if (piece.inserted > 0) {
            auto const from = restored_from[restored.size()];
            back = restored.emplace_back(Content::slice_of(*removed_, from, piece.inserted));
        }
        content_.insert(piece.at, back);
        effects.push_back({piece.at, piece.removed, back});
    }
}

/// What each pending edit says now. Its pieces come from left to right: neighbours are joined.
template <class Content>
auto Merging<Content>::read_pending() const -> std::vector<Rebased> {
    std::vector<Rebased> edits;
    for (auto const stamp : window_.pending()) {
        edits.push_back({stamp, {}});
    }
    std::size_t current = 0;
    std::uint64_t end = 0;  // of what the last piece of this edit inserted
    for (auto const& [stamp, piece, tip_at] : window_.read_pending()) {
        while (edits[current].stamp != stamp) {
            ++current;
        }
        auto& splices = edits[current].splices;
        bool const joins = !splices.empty() && piece.at == end &&
                           (piece.inserted > 0 || splices.back().inserted.empty());
        if (!joins) {
            splices.push_back({piece.at, 0, {}});
        }
        splices.back().removed += piece.removed;
        content_.append_slice(splices.back().inserted, tip_at, piece.inserted);
        end = piece.at + piece.inserted;
    }
    return edits;
}

template <class Content>
auto Merging<Content>::rebase(Rebase const& rebase, std::vector<Edit>& effects)
    -> std::vector<Rebased> {
    window_.advance(rebase.merge_mark);
    withdraw(rebase.refused, restored_, effects);
    auto edits = read_pending();
    std::vector<Stamp> const remaining(window_.pending().begin(), window_.pending().end());
    std::vector<Items> restored;
    std::vector<Edit> unseen;  // it reads the same before and after
    withdraw(remaining, restored, unseen);
    removed_.reset();
    window_.open(content_.items());
    for (auto const& edit : edits) {
        EditStamp const stamp{edit.stamp, rebase.head, rebase.device, rebase.merge_mark};
        for (auto const& splice : edit.splices) {
            apply_in_window(stamp, {splice.at, splice.removed, splice.inserted}, unseen, nullptr);
        }
    }
    return edits;
}

template <class Content>
bool Merging<Content>::acknowledge(Stamp pending, Seq seq) {
    auto const known = window_.acknowledge(pending, seq);
    if (window_.pending().empty()) {
        removed_.reset();
    }
    return known;
}

template <class Content>
void Merging<Content>::collect(Seq mark) {
    window_.collect(mark);
    if (window_.is_empty()) {
        content_.give_back();
    }
}

template <class Content>
auto Merging<Content>::snapshot(Seq mark) const -> Snapshot {
    if (window_.pending().empty()) {
        return {content_.all(), window_.save(mark, content_.items())};
    }
    auto trunk = clone();
    std::vector<Stamp> const pending(window_.pending().begin(), window_.pending().end());
    std::vector<Items> restored;
    std::vector<Edit> unseen;
    trunk.withdraw(pending, restored, unseen);
    return trunk.snapshot(mark);
}

template <class Content>
auto Merging<Content>::restore(Piece content, ByteView window, EditTuning const& tuning)
    -> Result<Merging> {
    Merging merging(content, tuning);
    CAPSTAN_TRY(merging.window_, EditWindow::load(window, merging.content_.items(), tuning));
    return merging;
}

template <class Content>
void Merging<Content>::check_invariants() const {
    content_.check_invariants();
    window_.check_invariants(content_.items());
}

}  // namespace capstan
