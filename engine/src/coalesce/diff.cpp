#include <algorithm>
#include <capstan/engine/coalesce/diff.hpp>
#include <limits>
#include <optional>

namespace capstan::coalesce {
namespace {

using Place = std::ptrdiff_t;

constexpr Place kNowhereForward = -1;
constexpr Place kNowhereBackward = std::numeric_limits<Place>::max();
/// Rounds in search of the middle of one box. Finding it costs their square.
constexpr Place kRoundsMax = 256;

/// A part of both sequences that is still to be compared.
struct Box {
    Place old_first = 0;
    Place old_end = 0;
    Place new_first = 0;
    Place new_end = 0;
};

/// A place in both sequences; what is before and behind it is compared separately.
struct Split {
    Place old_at = 0;
    Place new_at = 0;
};

/// Furthest places reached on each diagonal (old place − new place) of the box, from one corner.
class Frontier {
  public:
    Frontier(std::size_t olds, std::size_t news)
        : reached_(olds + news + 3), zero_(static_cast<Place>(news) + 1) {}

    void start(Place diagonal, Place old_at) {
        first = last = diagonal;
        at(diagonal) = old_at;
    }
    /// Widens by one diagonal each way, or narrows where the box ends.
    void widen(Place diagonal_min, Place diagonal_max, Place nowhere) {
        if (first > diagonal_min) {
            at(--first - 1) = nowhere;
        } else {
            ++first;
        }
        if (last < diagonal_max) {
            at(++last + 1) = nowhere;
        } else {
            --last;
        }
    }
    bool covers(Place diagonal) const { return first <= diagonal && diagonal <= last; }
    Place& at(Place diagonal) { return reached_[static_cast<std::size_t>(diagonal + zero_)]; }

    Place first = 0;
    Place last = 0;

  private:
    std::vector<Place> reached_;
    Place zero_;
};

class Comparison {
  public:
    Comparison(std::span<std::uint32_t const> before,
               std::span<std::uint32_t const> after,
               std::size_t steps_max)
        : before_(before),
          after_(after),
          forward_(before.size(), after.size()),
          backward_(before.size(), after.size()),
          steps_left_(steps_max) {}

    std::vector<DiffEdit> run(Box const& whole) {
        std::vector<Box> boxes{whole};
        while (!boxes.empty()) {
            auto box = trimmed(boxes.back());
            boxes.pop_back();
            if (box.old_first == box.old_end && box.new_first == box.new_end) {
                continue;
            }
            auto const split = find_split(box);
            if (!split) {
                replace(box);
                continue;
            }
            CAPSTAN_INVARIANT(!is_corner(box, *split));
            boxes.push_back({split->old_at, box.old_end, split->new_at, box.new_end});
            boxes.push_back({box.old_first, split->old_at, box.new_first, split->new_at});
        }
        return std::move(edits_);
    }

  private:
    bool equal(Place old_at, Place new_at) const {
        return before_[static_cast<std::size_t>(old_at)] ==
               after_[static_cast<std::size_t>(new_at)];
    }

    Box trimmed(Box box) const {
        while (box.old_first < box.old_end && box.new_first < box.new_end &&
               equal(box.old_first, box.new_first)) {
            ++box.old_first;
            ++box.new_first;
        }
        while (box.old_first < box.old_end && box.new_first < box.new_end &&
               equal(box.old_end - 1, box.new_end - 1)) {
            --box.old_end;
            --box.new_end;
        }
        return box;
    }

    void replace(Box const& box) {
        DiffEdit const edit{static_cast<std::size_t>(box.old_first),
                            static_cast<std::size_t>(box.old_end - box.old_first),
                            static_cast<std::size_t>(box.new_first),
                            static_cast<std::size_t>(box.new_end - box.new_first)};
        if (!edits_.empty() && edits_.back().old_at + edits_.back().removed == edit.old_at &&
            edits_.back().new_at + edits_.back().inserted == edit.new_at) {
            edits_.back().removed += edit.removed;
            edits_.back().inserted += edit.inserted;
        } else {
            edits_.push_back(edit);
        }
    }

    void spend(std::size_t steps) { steps_left_ -= std::min(steps_left_, steps); }

    /// The middle of a shortest path through the box. Where it takes too long to find, the place
    /// that was reached furthest. None: the box is to be replaced as a whole.
    std::optional<Split> find_split(Box const& box) {
        if (box.old_first == box.old_end || box.new_first == box.new_end || steps_left_ == 0) {
            return std::nullopt;
        }
        forward_.start(box.old_first - box.new_first, box.old_first);
        backward_.start(box.old_end - box.new_end, box.old_end);
        for (Place round = 1;; ++round) {
            if (auto const split = advance_forward(box)) {
                return split;
            }
            if (auto const split = advance_backward(box)) {
                return split;
            }
            if (steps_left_ == 0) {
                return std::nullopt;
            }
            if (round == kRoundsMax) {
                return furthest(box);
            }
        }
    }

    /// Such a split would leave the box as it is.
    static bool is_corner(Box const& box, Split const& split) {
        return (split.old_at == box.old_first && split.new_at == box.new_first) ||
               (split.old_at == box.old_end && split.new_at == box.new_end);
    }

    /// Whether paths of this box have an odd length: then the forward side meets the other one.
    static bool is_odd(Box const& box) {
        return (((box.old_first - box.new_first) - (box.old_end - box.new_end)) & 1) != 0;
    }

    std::optional<Split> advance_forward(Box const& box) {
        forward_.widen(box.old_first - box.new_end, box.old_end - box.new_first, kNowhereForward);
        for (Place diagonal = forward_.last; diagonal >= forward_.first; diagonal -= 2) {
            auto const lower = forward_.at(diagonal - 1);
            auto const upper = forward_.at(diagonal + 1);
            auto const start = lower < upper ? upper : lower + 1;
            auto at = start;
            while (at < box.old_end && at - diagonal < box.new_end && equal(at, at - diagonal)) {
                ++at;
            }
            spend(static_cast<std::size_t>(at - start) + 1);
            forward_.at(diagonal) = at;
            if (is_odd(box) && backward_.covers(diagonal) && backward_.at(diagonal) <= at) {
                return Split{at, at - diagonal};
            }
        }
        return std::nullopt;
    }

    std::optional<Split> advance_backward(Box const& box) {
        backward_.widen(box.old_first - box.new_end, box.old_end - box.new_first, kNowhereBackward);
        for (Place diagonal = backward_.last; diagonal >= backward_.first; diagonal -= 2) {
            auto const lower = backward_.at(diagonal - 1);
            auto const upper = backward_.at(diagonal + 1);
            auto const start = lower < upper ? lower : upper - 1;
            auto at = start;
            while (at > box.old_first && at - diagonal > box.new_first &&
                   equal(at - 1, at - diagonal - 1)) {
                --at;
            }
            spend(static_cast<std::size_t>(start - at) + 1);
            backward_.at(diagonal) = at;
            if (!is_odd(box) && forward_.covers(diagonal) && at <= forward_.at(diagonal)) {
                return Split{at, at - diagonal};
            }
        }
        return std::nullopt;
    }

    /// The place that is furthest from its corner, of all that either side has reached.
    std::optional<Split> furthest(Box const& box) {
        Split best{box.old_first, box.new_first};
        Place best_way = 0;
        auto const look = [&](Place old_at, Place new_at, Place way) {
            if (way > best_way) {
                best_way = way;
                best = {old_at, new_at};
            }
        };
        for (auto diagonal = forward_.first; diagonal <= forward_.last; diagonal += 2) {
            auto const old_at =
                std::min({forward_.at(diagonal), box.old_end, box.new_end + diagonal});
            auto const new_at = old_at - diagonal;
            look(old_at, new_at, (old_at - box.old_first) + (new_at - box.new_first));
        }
        for (auto diagonal = backward_.first; diagonal <= backward_.last; diagonal += 2) {
            auto const old_at =
                std::max({backward_.at(diagonal), box.old_first, box.new_first + diagonal});
            auto const new_at = old_at - diagonal;
            look(old_at, new_at, (box.old_end - old_at) + (box.new_end - new_at));
        }
        return is_corner(box, best) ? std::nullopt : std::optional(best);
    }

    std::span<std::uint32_t const> before_;
    std::span<std::uint32_t const> after_;
    Frontier forward_;
    Frontier backward_;
    std::size_t steps_left_;
    std::vector<DiffEdit> edits_;
};

}  // namespace

std::vector<DiffEdit> diff(std::span<std::uint32_t const> before,
                           std::span<std::uint32_t const> after,
                           std::size_t steps_max) {
    auto const front = std::ranges::mismatch(before, after);
    auto const skipped = static_cast<std::size_t>(front.in1 - before.begin());
    before = before.subspan(skipped);
    after = after.subspan(skipped);
    std::size_t kept_behind = 0;
    while (kept_behind < std::min(before.size(), after.size()) &&
           before[before.size() - 1 - kept_behind] == after[after.size() - 1 - kept_behind]) {
        ++kept_behind;
    }
    before = before.first(before.size() - kept_behind);
    after = after.first(after.size() - kept_behind);
    if (before.empty() && after.empty()) {
        return {};
    }
    Box const whole{0, static_cast<Place>(before.size()), 0, static_cast<Place>(after.size())};
    auto edits = Comparison(before, after, steps_max).run(whole);
    for (auto& edit : edits) {
        edit.old_at += skipped;
        edit.new_at += skipped;
    }
    return edits;
}

}  // namespace capstan::coalesce
