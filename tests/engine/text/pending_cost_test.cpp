// What a pending edit costs beside very many others in one text, counted in spans that are gone
// over to find its place: the same, however many there are (F51).
#include <boost/test/unit_test.hpp>

#include "sequencer/dice.hpp"
#include "text_rig.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

constexpr std::uint64_t kEdits = 100'000;
constexpr std::uint64_t kCalls = 1'000;

/// A device that types and removes anywhere in a text of some length, all of it pending.
struct Typist {
    Typist() { rig.apply({1, 0, 0, {{0, 0, std::string(1'000, '-')}}}, 0); }

    /// It may lie in a view that lacks a few items that are visible at the head.
    NaiveEdit random_edit() {
        auto const items = rig.text.content().size().points - 8;
        if (dice.one_in(3)) {
            auto const at = dice.below(items - 4);
            return {at, 1 + dice.below(3), ""};
        }
        return {dice.below(items + 1), 0, std::string(1 + dice.below(2), 'a')};
    }
    void type(std::uint64_t edits) {
        for (; edits > 0; --edits) {
            auto const verdict =
                rig.apply({Stamp::pending(++number).value, 1, 1, {random_edit()}}, 0);
            BOOST_REQUIRE(verdict == EditVerdict::applied);
        }
    }
    /// Spans counted for so many edits more.
    std::uint64_t cost_of(std::uint64_t edits) {
        auto const before = rig.text.window().spans_counted();
        type(edits);
        return rig.text.window().spans_counted() - before;
    }

    Dice dice{1};
    TextRig rig;
    std::uint64_t number = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_pending_edit_costs_the_same_beside_a_hundred_thousand_others_F51) {
    Typist typist;
    auto const early = typist.cost_of(kCalls);
    typist.type(kEdits - 2 * kCalls);
    auto const late = typist.cost_of(kCalls);
    BOOST_TEST(typist.rig.text.pending().size() == kEdits);
    BOOST_TEST_MESSAGE(early << " spans for " << kCalls << " edits, then " << late);
    BOOST_TEST(late <= early + kCalls);
    BOOST_TEST(typist.rig.str() == typist.rig.reader);
}

/// So it is where somebody else's edit has come that none of them had seen: every one is made once
/// more, as of before it.
BOOST_AUTO_TEST_CASE(pending_edits_made_once_more_behind_a_foreign_one_cost_the_same_each_F51) {
    Typist typist;
    typist.rig.apply({2, 1, 0, {{500, 10, "foreign"}}}, 0);
    auto const early = typist.cost_of(kCalls);
    typist.type(kEdits / 10);
    auto const late = typist.cost_of(kCalls);
    BOOST_TEST_MESSAGE(early << " spans for " << kCalls << " edits, then " << late);
    BOOST_TEST(late <= early + kCalls);
    BOOST_TEST(typist.rig.str() == typist.rig.reader);
    typist.rig.text.check_invariants();
}
