#include <algorithm>
#include <capstan/engine/text/text.hpp>

namespace capstan {
namespace {

/// Pieces of one edit come from left to right: neighbours become one splice.
void append_piece(std::vector<RebasedEdit::Splice>& splices,
                  Splice const& piece,
                  std::string const& text) {
    if (!splices.empty()) {
        auto& last = splices.back();
        auto const end = last.at + measure(last.inserted).points;
        if (piece.at == end && (piece.inserted > 0 || last.inserted.empty())) {
            last.removed += piece.removed;
            last.inserted += text;
            return;
        }
    }
    splices.push_back({piece.at, piece.removed, text});
}

template <class Points>
bool lie_within(std::uint64_t items, std::span<TextSplice const> splices, Points points_of) {
    for (auto const& splice : splices) {
        if (splice.at > items || splice.removed > items - splice.at) {
            return false;
        }
        items += points_of(splice.inserted) - splice.removed;
    }
    return true;
}

}  // namespace

Text::Text(EditTuning const& tuning) : Text({}, tuning) {}
Text::Text(std::string_view utf8, EditTuning const& tuning)
    : rope_(utf8, tuning), window_(tuning) {}

/// Whether each splice lies in a view of that many items as those before it left it. Most do even
/// if all that comes were characters of four bytes; only else is it measured.
bool Text::fits(std::uint64_t items, std::span<TextSplice const> splices) {
    constexpr std::size_t kPointBytesMax = 4;
    return lie_within(items,
                      splices,
                      [](std::string_view text) { return text.size() / kPointBytesMax; }) ||
           lie_within(items, splices, [](std::string_view text) { return measure(text).points; });
}

EditVerdict Text::check(EditStamp const& stamp, std::span<TextSplice const> splices) {
    if (stamp.preceding_seq < stamp.merge_mark) {
        return EditVerdict::below_mark;
    }
    auto items = rope_.size().points;
    if (!window_.is_sequential(stamp)) {
        window_.open(items);
        items = window_.view_items(stamp);
    }
    return fits(items, splices) ? EditVerdict::applied : EditVerdict::outside_view;
}

EditVerdict Text::apply(EditStamp const& stamp,
                        std::span<TextSplice const> splices,
                        std::vector<TextSplice>& effects) {
    window_.advance(stamp.merge_mark);
    auto const verdict = check(stamp, splices);
    if (verdict != EditVerdict::applied) {
        return verdict;
    }
    if (window_.is_sequential(stamp)) {
        apply_at_head(stamp, splices, effects);
        return verdict;
    }
    for (auto const& splice : splices) {
        apply_in_window(stamp, splice, effects);
    }
    return verdict;
}

void Text::apply_at_head(EditStamp const& stamp,
                         std::span<TextSplice const> splices,
                         std::vector<TextSplice>& effects) {
    for (auto const& splice : splices) {
        if (splice.removed == 0 && splice.inserted.empty()) {
            continue;
        }
        auto const size = measure(splice.inserted);
        rope_.erase(splice.at, splice.removed);
        rope_.insert(splice.at, splice.inserted, size);
        window_.note(stamp, {splice.at, splice.removed, size.points});
        effects.push_back(splice);
    }
}

void Text::apply_in_window(EditStamp const& stamp,
                           TextSplice const& splice,
                           std::vector<TextSplice>& effects) {
    if (splice.removed == 0 && splice.inserted.empty()) {
        return;
    }
    auto const size = measure(splice.inserted);
    auto const kept_at = removed_ == nullptr ? 0 : removed_->size().points;
    scratch_.clear();
    window_.apply(stamp, {splice.at, splice.removed, size.points}, kept_at, scratch_);
    for (auto const& effect : scratch_) {
        if (stamp.at.is_pending() && effect.removed > 0) {
            keep_removed(effect.at, effect.removed);
        }
        rope_.erase(effect.at, effect.removed);
        auto const inserted = effect.inserted > 0 ? splice.inserted : std::string_view{};
        rope_.insert(effect.at, inserted, size);
        effects.push_back({effect.at, effect.removed, inserted});
    }
}

void Text::keep_removed(std::uint64_t at, std::uint64_t points) {
    if (removed_ == nullptr) {
        removed_ = std::make_unique<Rope>();
    }
    removed_->insert(removed_->size().points, rope_.slice(at, points));
}

/// Effects that put text back point into `restored`.
void Text::withdraw(std::span<Stamp const> stamps,
                    std::vector<std::string>& restored,
                    std::vector<TextSplice>& effects) {
    scratch_.clear();
    std::vector<std::uint64_t> restored_from;
    window_.withdraw(stamps, scratch_, restored_from);
    restored.clear();
    restored.reserve(restored_from.size());
    for (auto const& effect : scratch_) {
        rope_.erase(effect.at, effect.removed);
        std::string_view back;
        if (effect.inserted > 0) {
            auto const from = restored_from[restored.size()];
            back = restored.emplace_back(removed_->slice(from, effect.inserted));
        }
        rope_.insert(effect.at, back);
        effects.push_back({effect.at, effect.removed, back});
    }
}

/// What each pending edit says now.
std::vector<RebasedEdit> Text::read_pending() const {
    std::vector<RebasedEdit> edits;
    for (auto const stamp : window_.pending()) {
        edits.push_back({stamp, {}});
    }
    std::size_t current = 0;
    for (auto const& piece : window_.read_pending()) {
        while (edits[current].stamp != piece.stamp) {
            ++current;
        }
        append_piece(
            edits[current].splices, piece.splice, rope_.slice(piece.tip_at, piece.splice.inserted));
    }
    return edits;
}

std::vector<RebasedEdit> Text::rebase(Rebase const& rebase, std::vector<TextSplice>& effects) {
    window_.advance(rebase.merge_mark);
    withdraw(rebase.refused, restored_, effects);
    auto edits = read_pending();
    std::vector<Stamp> const remaining(window_.pending().begin(), window_.pending().end());
    std::vector<std::string> restored;
    std::vector<TextSplice> unseen;  // it reads the same before and after
    withdraw(remaining, restored, unseen);
    removed_.reset();
    window_.open(rope_.size().points);
    for (auto const& edit : edits) {
        EditStamp const stamp{edit.stamp, rebase.head, rebase.device, rebase.merge_mark};
        for (auto const& splice : edit.splices) {
            apply_in_window(stamp, {splice.at, splice.removed, splice.inserted}, unseen);
        }
    }
    return edits;
}

bool Text::acknowledge(Stamp pending, Seq seq) {
    auto const known = window_.acknowledge(pending, seq);
    if (window_.pending().empty()) {
        removed_.reset();
    }
    return known;
}

TextSnapshot Text::snapshot(Seq mark) const {
    if (window_.pending().empty()) {
        return {rope_.str(), window_.save(mark, rope_.size().points)};
    }
    Text trunk(rope_.str());
    trunk.window_ = window_.clone();
    trunk.removed_ = removed_ == nullptr ? nullptr : std::make_unique<Rope>(removed_->str());
    std::vector<Stamp> const all(window_.pending().begin(), window_.pending().end());
    std::vector<std::string> restored;
    std::vector<TextSplice> unseen;
    trunk.withdraw(all, restored, unseen);
    return trunk.snapshot(mark);
}

Result<Text> Text::restore(std::string_view content, ByteView window, EditTuning const& tuning) {
    Text text(content, tuning);
    CAPSTAN_TRY(text.window_, EditWindow::load(window, text.rope_.size().points, tuning));
    return text;
}

void Text::check_invariants() const {
    rope_.check_invariants();
    window_.check_invariants(rope_.size().points);
}

}  // namespace capstan
