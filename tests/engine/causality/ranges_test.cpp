#include <boost/test/unit_test.hpp>
#include <capstan/engine/causality/ranges.hpp>
#include <string>

namespace {

using namespace capstan;

std::string text(SeqRanges const& ranges) {
    std::string out;
    for (auto const& range : ranges.ranges()) {
        out += std::to_string(range.first.value) + "-" + std::to_string(range.last.value) + " ";
    }
    return out;
}

SeqRanges of(std::vector<std::pair<std::uint64_t, std::uint64_t>> const& pairs) {
    SeqRanges ranges;
    for (auto const& [first, last] : pairs) {
        ranges.add(Seq{first}, Seq{last});
    }
    return ranges;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ranges)

BOOST_AUTO_TEST_CASE(ranges_that_overlap_or_touch_become_one) {
    struct Row {
        char const* name;
        std::vector<std::pair<std::uint64_t, std::uint64_t>> added;
        char const* expected;
    };
    Row const rows[] = {
        {"apart", {{1, 2}, {5, 6}}, "1-2 5-6 "},
        {"out of order", {{5, 6}, {1, 2}}, "1-2 5-6 "},
        {"touching from the right", {{1, 2}, {3, 4}}, "1-4 "},
        {"touching from the left", {{3, 4}, {1, 2}}, "1-4 "},
        {"a gap of one stays", {{1, 2}, {4, 4}}, "1-2 4-4 "},
        {"filling a gap", {{1, 2}, {4, 5}, {3, 3}}, "1-5 "},
        {"swallowing several", {{2, 3}, {5, 6}, {8, 9}, {1, 10}}, "1-10 "},
        {"inside", {{1, 9}, {4, 5}}, "1-9 "},
        {"again", {{4, 5}, {4, 5}}, "4-5 "},
    };
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            auto const ranges = of(row.added);
            ranges.check_invariants();
            BOOST_TEST(text(ranges) == row.expected);
        }
    }
}

BOOST_AUTO_TEST_CASE(gaps_and_holes_are_what_is_missing) {
    auto const ranges = of({{2, 3}, {6, 9}});
    BOOST_TEST(ranges.first_gap().value == 1U);
    BOOST_TEST(ranges.first_gap(Seq{2}).value == 4U);
    BOOST_TEST(ranges.first_gap(Seq{7}).value == 10U);
    BOOST_TEST(ranges.first_gap(Seq{20}).value == 20U);
    auto const holes = ranges.holes(Seq{1}, Seq{12});
    BOOST_TEST(holes.size() == 3U);
    BOOST_CHECK((holes[0] == SeqRanges::Range{Seq{1}, Seq{1}}));
    BOOST_CHECK((holes[1] == SeqRanges::Range{Seq{4}, Seq{5}}));
    BOOST_CHECK((holes[2] == SeqRanges::Range{Seq{10}, Seq{12}}));
    BOOST_TEST(ranges.holes(Seq{7}, Seq{8}).empty());
}

BOOST_AUTO_TEST_CASE(dropping_a_prefix_cuts_the_range_it_ends_in) {
    auto ranges = of({{2, 3}, {6, 9}});
    ranges.drop_through(Seq{7});
    BOOST_TEST(text(ranges) == "8-9 ");
    ranges.drop_through(Seq{9});
    BOOST_TEST(ranges.empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(ranges_properties)

// Small numbers, so that ranges meet often.
RC_BOOST_PROP(ranges_hold_what_a_plain_set_holds, ()) {
    auto const small = rc::gen::inRange<std::uint64_t>(1, 40);
    auto const added = *rc::gen::container<std::vector<std::pair<std::uint64_t, std::uint64_t>>>(
        rc::gen::pair(small, rc::gen::inRange<std::uint64_t>(0, 6)));
    auto const dropped = *rc::gen::inRange<std::uint64_t>(0, 40);
    SeqRanges ranges;
    std::set<std::uint64_t> plain;
    for (auto const& [first, more] : added) {
        ranges.add(Seq{first}, Seq{first + more});
        for (auto value = first; value <= first + more; ++value) {
            plain.insert(value);
        }
    }
    ranges.drop_through(Seq{dropped});
    plain.erase(plain.begin(), plain.upper_bound(dropped));

    ranges.check_invariants();
    RC_ASSERT(ranges.count() == plain.size());
    SeqRanges missing;
    for (auto const& hole : ranges.holes(Seq{1}, Seq{50})) {
        missing.add(hole.first, hole.last);
    }
    for (std::uint64_t value = 1; value <= 50; ++value) {
        RC_ASSERT(ranges.contains(Seq{value}) == plain.contains(value));
        RC_ASSERT(missing.contains(Seq{value}) != plain.contains(value));
        auto gap = value;
        while (plain.contains(gap)) {
            ++gap;
        }
        RC_ASSERT(ranges.first_gap(Seq{value}).value == gap);
    }
}

RC_BOOST_PROP(union_of_ranges_does_not_depend_on_order, ()) {
    auto const part =
        rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(1, 60));
    SeqRanges a;
    SeqRanges b;
    for (auto const value : *part) {
        a.add(Seq{value});
    }
    for (auto const value : *part) {
        b.add(Seq{value});
    }
    auto one = a;
    one.add(b);
    auto other = b;
    other.add(a);
    one.check_invariants();
    RC_ASSERT(one == other);
}

BOOST_AUTO_TEST_SUITE_END()
