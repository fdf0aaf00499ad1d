// What libc++ 14 lacks of C++20, for the engine's WebAssembly module: it is included before
// anything else there (clang's -include). A later libc++ has all of it; then this file goes.
//
// - Algorithms on ranges, as far as the engine uses them, without their constraints.
// - The three-way comparison of strings and their views, vectors, arrays, optional values and
//   durations, which defaulted comparisons ask for.
#pragma once
#include <algorithm>
#include <array>
#include <chrono>
#include <compare>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <version>

#if !defined(_LIBCPP_VERSION) || _LIBCPP_VERSION >= 15000
#error "written for libc++ 14: look what of this is still missing"
#endif

namespace std {

template <class T, size_t N>
constexpr auto operator<=>(array<T, N> const& a, array<T, N> const& b)
    -> compare_three_way_result_t<T> {
    for (size_t i = 0; i < N; ++i) {
        if (auto const order = a[i] <=> b[i]; order != 0) {
            return order;
        }
    }
    return strong_ordering::equal;
}

template <class Char, class Traits, class Allocator>
constexpr strong_ordering operator<=>(basic_string<Char, Traits, Allocator> const& a,
                                      basic_string<Char, Traits, Allocator> const& b) {
    return a.compare(b) <=> 0;
}

template <class Char, class Traits>
constexpr strong_ordering operator<=>(basic_string_view<Char, Traits> a,
                                      basic_string_view<Char, Traits> b) {
    return a.compare(b) <=> 0;
}

template <class T, class Allocator>
constexpr auto operator<=>(vector<T, Allocator> const& a, vector<T, Allocator> const& b)
    -> compare_three_way_result_t<T> {
    for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
        if (auto const order = a[i] <=> b[i]; order != 0) {
            return order;
        }
    }
    return a.size() <=> b.size();
}

template <class T>
constexpr auto operator<=>(optional<T> const& a, optional<T> const& b)
    -> compare_three_way_result_t<T> {
    return a && b ? *a <=> *b : a.has_value() <=> b.has_value();
}

namespace chrono {

template <class Rep, class Period>
constexpr auto operator<=>(duration<Rep, Period> const& a, duration<Rep, Period> const& b) {
    return a.count() <=> b.count();
}

}  // namespace chrono

namespace ranges {

using less = std::less<>;
using less_equal = std::less_equal<>;
using greater = std::greater<>;
using greater_equal = std::greater_equal<>;
using equal_to = std::equal_to<>;
using not_equal_to = std::not_equal_to<>;

// A predicate or comparison behind a projection.
template <class Predicate, class Projection>
constexpr auto projected_by(Predicate& predicate, Projection& projection) {
    return [&](auto const&... values) -> bool {
        return std::invoke(predicate, std::invoke(projection, values)...);
    };
}

template <class Range, class Predicate, class Projection = identity>
constexpr auto find_if(Range&& range, Predicate predicate, Projection projection = {}) {
    return std::find_if(begin(range), end(range), projected_by(predicate, projection));
}

template <class Range, class T, class Projection = identity>
constexpr auto find(Range&& range, T const& value, Projection projection = {}) {
    auto at = begin(range);
    while (at != end(range) && !(std::invoke(projection, *at) == value)) {
        ++at;
    }
    return at;
}

template <class Range, class Predicate, class Projection = identity>
constexpr bool any_of(Range&& range, Predicate predicate, Projection projection = {}) {
    return std::any_of(begin(range), end(range), projected_by(predicate, projection));
}

template <class Range, class Predicate, class Projection = identity>
constexpr bool all_of(Range&& range, Predicate predicate, Projection projection = {}) {
    return std::all_of(begin(range), end(range), projected_by(predicate, projection));
}

template <class Range, class Predicate, class Projection = identity>
constexpr bool none_of(Range&& range, Predicate predicate, Projection projection = {}) {
    return std::none_of(begin(range), end(range), projected_by(predicate, projection));
}

template <class Range, class Predicate, class Projection = identity>
constexpr auto count_if(Range&& range, Predicate predicate, Projection projection = {}) {
    return std::count_if(begin(range), end(range), projected_by(predicate, projection));
}

template <class Range, class T, class Projection = identity>
constexpr auto count(Range&& range, T const& value, Projection projection = {}) {
    return ranges::count_if(
        range, [&value](auto const& each) { return each == value; }, projection);
}

template <class Range, class Predicate = equal_to, class Projection = identity>
constexpr auto adjacent_find(Range&& range, Predicate predicate = {}, Projection projection = {}) {
    return std::adjacent_find(begin(range), end(range), projected_by(predicate, projection));
}

template <class Range, class Action>
constexpr void for_each(Range&& range, Action action) {
    std::for_each(begin(range), end(range), std::ref(action));
}

template <class Range, class Predicate, class Projection = identity>
constexpr auto partition_point(Range&& range, Predicate predicate, Projection projection = {}) {
    return std::partition_point(begin(range), end(range), projected_by(predicate, projection));
}

template <class Range, class T, class Less = less, class Projection = identity>
constexpr auto lower_bound(Range&& range,
                           T const& value,
                           Less before = {},
                           Projection projection = {}) {
    return std::partition_point(begin(range), end(range), [&](auto const& each) {
        return std::invoke(before, std::invoke(projection, each), value);
    });
}

template <class Range, class T, class Less = less, class Projection = identity>
constexpr auto upper_bound(Range&& range,
                           T const& value,
                           Less before = {},
                           Projection projection = {}) {
    return std::partition_point(begin(range), end(range), [&](auto const& each) {
        return !std::invoke(before, value, std::invoke(projection, each));
    });
}

template <class Range, class T, class Less = less, class Projection = identity>
constexpr bool binary_search(Range&& range,
                             T const& value,
                             Less before = {},
                             Projection projection = {}) {
    auto const at = ranges::lower_bound(range, value, before, projection);
    return at != end(range) && !std::invoke(before, value, std::invoke(projection, *at));
}

template <class Iterator>
struct RestOfRange {
    Iterator first;
    Iterator last;
    constexpr Iterator begin() const { return first; }
    constexpr Iterator end() const { return last; }
};

/// What is left over behind the values that stay.
template <class Range, class Predicate = equal_to, class Projection = identity>
constexpr auto unique(Range&& range, Predicate predicate = {}, Projection projection = {}) {
    auto const last = end(range);
    auto const first = std::unique(begin(range), last, projected_by(predicate, projection));
    return RestOfRange<decltype(begin(range))>{first, last};
}

template <class Range, class Less = less, class Projection = identity>
constexpr void sort(Range&& range, Less before = {}, Projection projection = {}) {
    std::sort(begin(range), end(range), projected_by(before, projection));
}

template <class Range, class Less = less, class Projection = identity>
void stable_sort(Range&& range, Less before = {}, Projection projection = {}) {
    std::stable_sort(begin(range), end(range), projected_by(before, projection));
}

template <class Range, class Less = less, class Projection = identity>
constexpr bool is_sorted(Range&& range, Less before = {}, Projection projection = {}) {
    return std::is_sorted(begin(range), end(range), projected_by(before, projection));
}

template <class Range, class Less = less, class Projection = identity>
constexpr auto max_element(Range&& range, Less before = {}, Projection projection = {}) {
    return std::max_element(begin(range), end(range), projected_by(before, projection));
}

template <class Range, class Less = less, class Projection = identity>
constexpr auto min_element(Range&& range, Less before = {}, Projection projection = {}) {
    return std::min_element(begin(range), end(range), projected_by(before, projection));
}

template <class A, class B>
constexpr bool equal(A&& a, B&& b) {
    return std::equal(begin(a), end(a), begin(b), end(b));
}

template <class A, class B>
struct in_in_places {
    A in1;
    B in2;
};

template <class A, class B>
constexpr auto mismatch(A&& a, B&& b) {
    auto const places = std::mismatch(begin(a), end(a), begin(b), end(b));
    return in_in_places<decltype(places.first), decltype(places.second)>{places.first,
                                                                         places.second};
}

template <class Range, class Out>
constexpr auto copy(Range&& range, Out out) {
    return std::copy(begin(range), end(range), out);
}

template <class Range, class Out>
constexpr auto move(Range&& range, Out out) {
    return std::move(begin(range), end(range), out);
}

template <class Range, class T>
constexpr void fill(Range&& range, T const& value) {
    std::fill(begin(range), end(range), value);
}

template <class Range, class Generator>
constexpr void generate(Range&& range, Generator generator) {
    std::generate(begin(range), end(range), std::ref(generator));
}

template <class Range>
constexpr void reverse(Range&& range) {
    std::reverse(begin(range), end(range));
}

}  // namespace ranges
}  // namespace std
