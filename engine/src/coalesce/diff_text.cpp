#include <algorithm>
#include <capstan/engine/coalesce/diff.hpp>
#include <capstan/engine/coalesce/value_order.hpp>
#include <map>

#include "coalesce/code_points.hpp"

namespace capstan::coalesce {
namespace {

using Points = std::vector<std::uint32_t>;

/// Edits with fewer code points between them are joined. What is joined is removed and inserted
/// again, so it counts twice, against the eight that a splice is taken to cost.
constexpr std::size_t kGapMin = 4;
/// How far an edit is moved along equal text.
constexpr std::size_t kMoveMax = 256;

void join_near_ones(std::vector<DiffEdit>& edits) {
    std::vector<DiffEdit> joined;
    for (auto const& edit : edits) {
        if (!joined.empty()) {
            auto& last = joined.back();
            if (edit.old_at - (last.old_at + last.removed) < kGapMin) {
                last.removed = edit.old_at + edit.removed - last.old_at;
                last.inserted = edit.new_at + edit.inserted - last.new_at;
                continue;
            }
        }
        joined.push_back(edit);
    }
    edits = std::move(joined);
}

/// How good it is to begin or end an edit here; the edit is [first, end) of this text.
enum class Fit : std::uint8_t { inside_grapheme, anywhere, word, line };

bool is_space(std::uint32_t point) {
    return point == ' ' || point == '\t' || point == '\n' || point == 0x3000;
}

Fit fit_of(Points const& text, std::size_t first, std::size_t end) {
    auto const is_inside = [&text](std::size_t at) {
        return at > 0 && at < text.size() && are_one_grapheme(text[at - 1], text[at]);
    };
    if (is_inside(first) || is_inside(end)) {
        return Fit::inside_grapheme;
    }
    if (first == 0 || text[first - 1] == '\n') {
        return Fit::line;
    }
    return is_space(text[first - 1]) ? Fit::word : Fit::anywhere;
}

/// Moves [first, first + length) of `text`, which the other text doesn't have, between the bounds
/// to where it fits best. It is the same edit: what it passes is equal to what it gives up. Returns
/// how far, negative to the left.
std::ptrdiff_t best_move(
    Points const& text, std::size_t first, std::size_t length, std::size_t min, std::size_t max) {
    auto best_fit = fit_of(text, first, first + length);
    std::ptrdiff_t best = 0;
    auto const look = [&](std::size_t at) {
        if (auto const fit = fit_of(text, at, at + length); fit > best_fit) {
            best_fit = fit;
            best = static_cast<std::ptrdiff_t>(at) - static_cast<std::ptrdiff_t>(first);
        }
    };
    for (auto at = first; at > min && text[at - 1] == text[at + length - 1]; --at) {
        look(at - 1);
    }
    for (auto at = first; at + length < max && text[at] == text[at + length]; ++at) {
        look(at + 1);
    }
    return best;
}

/// The bounds keep something between an edit and its neighbours.
void move_to_good_places(std::vector<DiffEdit>& edits, Points const& before, Points const& after) {
    std::size_t old_min = 0;
    std::size_t new_min = 0;
    for (std::size_t i = 0; i < edits.size(); ++i) {
        auto& edit = edits[i];
        bool const is_last = i + 1 == edits.size();
        auto const bounded = [](std::size_t at, std::size_t min) {
            return std::max(min, at - std::min(at, kMoveMax));
        };
        std::ptrdiff_t move = 0;
        if (edit.removed == 0) {
            auto const end = is_last ? after.size() : edits[i + 1].new_at - 1;
            auto const max = std::min(end, edit.new_at + edit.inserted + kMoveMax);
            move = best_move(after, edit.new_at, edit.inserted, bounded(edit.new_at, new_min), max);
        } else if (edit.inserted == 0) {
            auto const end = is_last ? before.size() : edits[i + 1].old_at - 1;
            auto const max = std::min(end, edit.old_at + edit.removed + kMoveMax);
            move = best_move(before, edit.old_at, edit.removed, bounded(edit.old_at, old_min), max);
        }
        edit.old_at += static_cast<std::size_t>(move);
        edit.new_at += static_cast<std::size_t>(move);
        old_min = edit.old_at + edit.removed + 1;
        new_min = edit.new_at + edit.inserted + 1;
    }
}

}  // namespace

std::vector<Splice> diff_text(std::string_view before,
                              std::string_view after,
                              std::size_t steps_max) {
    if (before == after) {
        return {};
    }
    auto const old_points = to_code_points(before);
    auto const new_points = to_code_points(after);
    auto edits = diff(old_points, new_points, steps_max);
    join_near_ones(edits);
    move_to_good_places(edits, old_points, new_points);
    std::vector<Splice> splices;
    splices.reserve(edits.size());
    for (auto const& edit : edits) {
        // All before it is done: what stands there is the new text.
        auto const content = std::span(new_points).subspan(edit.new_at, edit.inserted);
        splices.push_back({edit.new_at, edit.removed, to_utf8(content)});
    }
    return splices;
}

std::vector<ListEdit> diff_list(std::vector<Value> const& before,
                                std::vector<Value> const& after,
                                std::size_t steps_max) {
    std::map<Value, std::uint32_t, ValueLess> numbers;
    auto const numbered = [&numbers](std::vector<Value> const& values) {
        std::vector<std::uint32_t> list;
        for (auto const& value : values) {
            auto const next = static_cast<std::uint32_t>(numbers.size());
            list.push_back(numbers.try_emplace(value, next).first->second);
        }
        return list;
    };
    std::vector<ListEdit> edits;
    for (auto const& edit : diff(numbered(before), numbered(after), steps_max)) {
        auto const first = after.begin() + static_cast<std::ptrdiff_t>(edit.new_at);
        auto const end = first + static_cast<std::ptrdiff_t>(edit.inserted);
        edits.push_back({edit.new_at, edit.removed, {first, end}});
    }
    return edits;
}

}  // namespace capstan::coalesce
