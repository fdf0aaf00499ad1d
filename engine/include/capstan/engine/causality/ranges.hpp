#pragma once
#include <algorithm>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

namespace capstan {

/// A set of ordinals (1, 2, 3, …) kept as inclusive ranges. It costs what it has gaps, not what it
/// holds.
///
/// Invariants: 1 <= first <= last in each range; ranges ascend and neither overlap nor touch.
template <class Ordinal>
class Ranges {
  public:
    struct Range {
        Ordinal first;
        Ordinal last;  // inclusive
        friend auto operator<=>(Range const&, Range const&) = default;
    };

    /// Precondition: 1 <= first <= last.
    void add(Ordinal first, Ordinal last);
    void add(Ordinal one) { add(one, one); }
    void add(Ranges const& other);
    /// Removes all ordinals up to this one.
    void drop_through(Ordinal last);

    bool contains(Ordinal one) const;
    bool empty() const { return ranges_.empty(); }
    /// How many ordinals the set holds.
    std::uint64_t count() const;
    /// The smallest ordinal from `from` on that the set does not hold.
    Ordinal first_gap(Ordinal from = Ordinal{1}) const;
    /// What of first..last the set does not hold, in order.
    std::vector<Range> holes(Ordinal first, Ordinal last) const;
    std::vector<Range> const& ranges() const { return ranges_; }

    void check_invariants() const;
    friend bool operator==(Ranges const&, Ranges const&) = default;

  private:
    using Iterator = typename std::vector<Range>::const_iterator;
    /// The first range that ends at or behind `from`.
    Iterator reaching(Ordinal from) const {
        return std::ranges::lower_bound(ranges_, from, {}, &Range::last);
    }

    std::vector<Range> ranges_;
};

using SeqRanges = Ranges<Seq>;
using CounterRanges = Ranges<Counter>;

template <class Ordinal>
void Ranges<Ordinal>::add(Ordinal first, Ordinal last) {
    CAPSTAN_INVARIANT(first.value > 0 && first <= last);
    // All ranges that overlap or touch the new one become one with it.
    auto const begin = reaching(Ordinal{first.value - 1});
    auto end = begin;
    while (end != ranges_.end() && end->first.value - 1 <= last.value) {
        first = std::min(first, end->first);
        last = std::max(last, end->last);
        ++end;
    }
    ranges_.insert(ranges_.erase(begin, end), Range{first, last});
}

template <class Ordinal>
void Ranges<Ordinal>::add(Ranges const& other) {
    for (Range const& range : other.ranges_) {
        add(range.first, range.last);
    }
}

template <class Ordinal>
void Ranges<Ordinal>::drop_through(Ordinal last) {
    ranges_.erase(ranges_.begin(), reaching(last.next()));
    if (!ranges_.empty()) {
        ranges_.front().first = std::max(ranges_.front().first, last.next());
    }
}

template <class Ordinal>
bool Ranges<Ordinal>::contains(Ordinal one) const {
    auto const at = reaching(one);
    return at != ranges_.end() && at->first <= one;
}

template <class Ordinal>
std::uint64_t Ranges<Ordinal>::count() const {
    std::uint64_t total = 0;
    for (Range const& range : ranges_) {
        total += range.last.value - range.first.value + 1;
    }
    return total;
}

template <class Ordinal>
Ordinal Ranges<Ordinal>::first_gap(Ordinal from) const {
    auto const at = reaching(from);
    return at != ranges_.end() && at->first <= from ? at->last.next() : from;
}

template <class Ordinal>
std::vector<typename Ranges<Ordinal>::Range> Ranges<Ordinal>::holes(Ordinal first,
                                                                    Ordinal last) const {
    std::vector<Range> found;
    for (auto at = reaching(first); at != ranges_.end() && at->first <= last; ++at) {
        if (first < at->first) {
            found.push_back(Range{first, Ordinal{at->first.value - 1}});
        }
        first = at->last.next();
    }
    if (first <= last) {
        found.push_back(Range{first, last});
    }
    return found;
}

template <class Ordinal>
void Ranges<Ordinal>::check_invariants() const {
    std::uint64_t free_from = 1;  // where the next range may begin at the earliest
    for (Range const& range : ranges_) {
        CAPSTAN_INVARIANT(range.first.value >= free_from);
        CAPSTAN_INVARIANT(range.first <= range.last);
        free_from = range.last.value + 2;
    }
}

}  // namespace capstan
