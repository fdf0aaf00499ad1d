// Differences of texts and lists: right, small, bounded.
#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/engine/coalesce/diff.hpp>
#include <limits>

#include "points.hpp"

namespace {

using namespace capstan;
using namespace capstan::coalesce;
using namespace capstan::test;

using Sequence = std::vector<std::uint32_t>;

Sequence patched(Sequence const& before,
                 Sequence const& after,
                 std::vector<DiffEdit> const& edits) {
    Sequence result;
    std::size_t at = 0;
    for (auto const& edit : edits) {
        result.insert(result.end(),
                      before.begin() + static_cast<std::ptrdiff_t>(at),
                      before.begin() + static_cast<std::ptrdiff_t>(edit.old_at));
        auto const first = after.begin() + static_cast<std::ptrdiff_t>(edit.new_at);
        result.insert(result.end(), first, first + static_cast<std::ptrdiff_t>(edit.inserted));
        at = edit.old_at + edit.removed;
    }
    result.insert(result.end(), before.begin() + static_cast<std::ptrdiff_t>(at), before.end());
    return result;
}

std::u32string patched(std::u32string text, std::vector<Splice> const& splices) {
    for (auto const& splice : splices) {
        text.replace(splice.at, splice.count, points_of(splice.content));
    }
    return text;
}

template <class Edits>
std::size_t touched(Edits const& edits) {
    std::size_t sum = 0;
    for (auto const& edit : edits) {
        sum += edit.removed + edit.inserted;
    }
    return sum;
}

std::size_t touched(std::vector<Splice> const& splices) {
    std::size_t sum = 0;
    for (auto const& splice : splices) {
        sum += splice.count + points_of(splice.content).size();
    }
    return sum;
}

/// The fewest removals and insertions, by the table that everybody knows.
template <class S>
std::size_t fewest(S const& a, S const& b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
        row[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        auto corner = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            auto const best = a[i - 1] == b[j - 1] ? corner : 1 + std::min(row[j], row[j - 1]);
            corner = std::exchange(row[j], best);
        }
    }
    return row.back();
}

/// What is removed and inserted between the common ends.
template <class S>
std::size_t naive(S const& a, S const& b) {
    auto const front = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
    std::size_t back = 0;
    while (back < std::min(a.size(), b.size()) - front &&
           a[a.size() - 1 - back] == b[b.size() - 1 - back]) {
        ++back;
    }
    return a.size() + b.size() - 2 * (front + back);
}

rc::Gen<Sequence> sequences() {
    return rc::gen::container<Sequence>(rc::gen::inRange<std::uint32_t>(0, 4));
}

/// Texts of a few letters, with what is hard: several bytes, combining marks, line ends.
rc::Gen<std::u32string> texts() {
    return rc::gen::container<std::u32string>(rc::gen::element<char32_t>(U'a',
                                                                         U'a',
                                                                         U'b',
                                                                         U'b',
                                                                         U' ',
                                                                         U'\n',
                                                                         U'\r',
                                                                         U'\u00FC',
                                                                         U'\u0301',
                                                                         U'\u200D',
                                                                         U'\U0001F469'));
}

std::vector<std::pair<std::string, std::string>> shown(std::vector<Splice> const& splices) {
    std::vector<std::pair<std::string, std::string>> rows;
    for (auto const& splice : splices) {
        rows.emplace_back(std::to_string(splice.at) + " -" + std::to_string(splice.count),
                          splice.content);
    }
    return rows;
}

using Rows = std::vector<std::pair<std::string, std::string>>;

}  // namespace

BOOST_AUTO_TEST_SUITE(differences)

RC_BOOST_PROP(edits_lead_to_the_new_sequence_with_the_fewest_steps, ()) {
    auto const before = *sequences();
    auto const after = *sequences();
    auto const edits = diff(before, after);
    RC_ASSERT(patched(before, after, edits) == after);
    RC_ASSERT(touched(edits) == fewest(before, after));
    for (std::size_t i = 1; i < edits.size(); ++i) {
        RC_ASSERT(edits[i].old_at > edits[i - 1].old_at + edits[i - 1].removed);
    }
}

RC_BOOST_PROP(edits_are_right_and_never_more_than_naive_however_few_steps_are_allowed, ()) {
    auto const before = *sequences();
    auto const after = *sequences();
    auto const edits = diff(before, after, *rc::gen::inRange<std::size_t>(0, 200));
    RC_ASSERT(patched(before, after, edits) == after);
    RC_ASSERT(touched(edits) <= naive(before, after));
}

RC_BOOST_PROP(text_edits_lead_to_the_new_text_and_are_never_more_than_naive, ()) {
    auto const before = *texts();
    auto const after = *rc::gen::oneOf(texts(), rc::gen::just(before + U"!"));
    auto const splices = diff_text(utf8_of(before), utf8_of(after));
    RC_ASSERT(patched(before, splices) == after);
    RC_ASSERT(touched(splices) <= naive(before, after));
    RC_ASSERT(splices.empty() == (before == after));
    // Each splice costs eight: more of them never cost more than the naive one.
    RC_ASSERT(splices.size() <= 1 ||
              8 * splices.size() + touched(splices) <= 8 + naive(before, after));
}

RC_BOOST_PROP(list_edits_lead_to_the_new_list, ()) {
    auto const values = rc::gen::container<std::vector<Value>>(rc::gen::map(
        rc::gen::inRange<std::int64_t>(0, 5), [](std::int64_t n) { return Value(n); }));
    auto const before = *values;
    auto const after = *values;
    auto list = before;
    for (auto const& edit : diff_list(before, after)) {
        auto const at = list.begin() + static_cast<std::ptrdiff_t>(edit.at);
        auto const behind = list.erase(at, at + static_cast<std::ptrdiff_t>(edit.count));
        list.insert(behind, edit.elements.begin(), edit.elements.end());
    }
    RC_ASSERT(list == after);
}

BOOST_AUTO_TEST_CASE(small_changes_of_texts) {
    struct Row {
        char const* name;
        char const* before;
        char const* after;
        Rows splices;
    };
    Row const rows[] = {
        {"nothing", "same", "same", {}},
        {"all new", "", "new", {{"0 -0", "new"}}},
        {"all gone", "old", "", {{"0 -3", ""}}},
        {"typed at the end", "hello", "hello world", {{"5 -0", " world"}}},
        {"two words of many",
         "the quick brown fox jumps over the lazy dog",
         "the slow brown fox jumps over the busy dog",
         {{"4 -5", "slow"}, {"34 -3", "bus"}}},
        {"near edits are one", "abcdefgh", "aXcYefgh", {{"1 -3", "XcY"}}},
        {"a line behind its like", "one\ntwo\n", "one\ntwo\ntwo\n", {{"8 -0", "two\n"}}},
        {"a word before its like", "very good", "very very good", {{"0 -0", "very "}}},
        {"several bytes", "gr\xC3\xBC\xC3\x9F", "gr\xC3\xB6\xC3\x9F", {{"2 -1", "\xC3\xB6"}}},
        {"a letter and its accent stay together",
         "ae\xCC\x81",
         "ae\xCC\x81"
         "e\xCC\x81",
         {{"3 -0", "e\xCC\x81"}}},
    };
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            auto const splices = shown(diff_text(row.before, row.after));
            BOOST_TEST((splices == row.splices),
                       (splices.empty() ? "none" : splices[0].first + " " + splices[0].second));
        }
    }
}

BOOST_AUTO_TEST_CASE(edit_never_begins_inside_a_grapheme_that_it_can_avoid) {
    // Of "éé" (two letters with combining accents) one is removed: not an accent and the next
    // letter.
    auto const splices = diff_text(
        "e\xCC\x81"
        "e\xCC\x81.",
        "e\xCC\x81.");
    BOOST_TEST_REQUIRE(splices.size() == 1U);
    BOOST_TEST(splices[0].at % 2 == 0U);
    BOOST_TEST(splices[0].count == 2U);
}

BOOST_AUTO_TEST_CASE(huge_rewrite_ends_within_its_steps) {
    // Two sequences without order: the search for a shortest path would take billions of steps.
    Sequence before;
    Sequence after;
    std::uint32_t state = 1;
    for (int n = 0; n < 200'000; ++n) {
        state = state * 1'664'525 + 1'013'904'223;
        before.push_back(state >> 28);
        state = state * 1'664'525 + 1'013'904'223;
        after.push_back(state >> 28);
    }
    auto const edits = diff(before, after, 1'000'000);
    BOOST_TEST((patched(before, after, edits) == after));
    BOOST_TEST(touched(edits) <= naive(before, after));
}

BOOST_AUTO_TEST_CASE(elements_of_lists_are_told_apart_by_their_bits) {
    auto const nan = std::numeric_limits<double>::quiet_NaN();
    std::vector<Value> const before{0.0, nan, std::int64_t{1}, true};
    BOOST_TEST(diff_list(before, before).empty());
    auto const edits = diff_list(before, {-0.0, nan, 1.0, true});
    BOOST_TEST_REQUIRE(edits.size() == 2U);
    BOOST_TEST((edits[0].at == 0 && edits[0].count == 1 && edits[0].elements.size() == 1));
    BOOST_TEST((edits[1].at == 2 && edits[1].count == 1 && edits[1].elements.size() == 1));
}

BOOST_AUTO_TEST_SUITE_END()
