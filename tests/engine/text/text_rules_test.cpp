// The cases that shaped the rules of merging, one by one.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/text.hpp>

#include "sequencer/dice.hpp"
#include "text_rig.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

EditVerdict apply(TextRig& rig, NaiveEvent const& event, std::uint64_t mark = 0) {
    return rig.apply(event, mark);
}

}  // namespace

/// The dead h is g's right neighbour and tells it that d is not its sibling.
BOOST_AUTO_TEST_CASE(a_dead_neighbour_is_kept_while_an_insertion_above_the_mark_shares_its_gap) {
    TextRig rig;
    apply(rig, {1, 0, 1, {{0, 0, "h"}}});
    apply(rig, {2, 0, 1, {{0, 1, ""}}});
    apply(rig, {3, 0, 0, {{0, 0, "d"}}});
    rig.text.collect(Seq{2});
    apply(rig, {4, 2, 1, {{0, 0, "g"}}}, 2);
    BOOST_TEST(rig.str() == "gd");
}

/// From a recorded session: one replaces "." by ", huh?" while the other types " The whole". With
/// the first visible neighbour as right origin it became "90s The whole , hh?u".
BOOST_AUTO_TEST_CASE(the_right_origin_is_the_first_known_neighbour_dead_or_alive) {
    TextRig rig;
    apply(rig, {1, 0, 1, {{0, 0, "90s."}}});
    std::uint64_t seq = 1;
    auto const other = std::string(" The whole");
    auto const own = std::string(", huh?");
    apply(rig, {++seq, 1, 1, {{3, 1, ""}}});
    for (std::size_t i = 0; i < other.size(); ++i) {
        apply(rig, {++seq, 1, 2, {{4 + i, 0, other.substr(i, 1)}}});
        if (i < own.size()) {
            apply(rig, {++seq, 1, 1, {{3 + i, 0, own.substr(i, 1)}}});
        }
    }
    BOOST_TEST(rig.str() == "90s, huh? The whole");
}

/// A refused device that kept the old neighbours of its edit would read "XAfPY".
BOOST_AUTO_TEST_CASE(a_rebased_edit_gets_new_neighbours) {
    TextRig server;
    TextRig client;
    NaiveEvent const first{1, 0, 0, {{0, 0, "XY"}}};
    NaiveEvent const foreign{2, 1, 1, {{1, 0, "A"}}};
    apply(server, first);
    apply(client, first);
    apply(client, {Stamp::pending(1).value, 1, 2, {{1, 0, "P"}}});
    apply(server, foreign);
    apply(client, foreign);
    BOOST_TEST(client.str() == "XAPY");

    std::vector<TextSplice> effects;
    auto const edits = client.text.rebase({{}, Seq{2}, Seq{2}, DeviceIndex{2}}, effects);
    BOOST_REQUIRE_EQUAL(edits.size(), 1U);
    BOOST_REQUIRE_EQUAL(edits[0].splices.size(), 1U);
    BOOST_TEST(edits[0].splices[0].at == 2U);
    BOOST_TEST(edits[0].splices[0].inserted == "P");
    BOOST_TEST(effects.empty());

    NaiveEvent const rebased{3, 2, 2, {{2, 0, "P"}}};
    NaiveEvent const later{4, 2, 1, {{2, 0, "f"}}};
    apply(server, rebased, 2);
    BOOST_TEST(client.text.acknowledge(Stamp::pending(1), Seq{3}));
    apply(server, later, 2);
    apply(client, later, 2);
    BOOST_TEST(server.str() == "XAPfY");
    BOOST_TEST(client.str() == server.str());
}

BOOST_AUTO_TEST_CASE(who_else_deleted_keystrokes_is_known_when_the_mark_cuts_through_them) {
    TextRig rig;
    apply(rig, {1, 0, 1, {{0, 0, "a"}}});
    apply(rig, {2, 1, 1, {{1, 0, "b"}}});
    apply(rig, {3, 2, 1, {{2, 0, "c"}}});
    apply(rig, {4, 3, 2, {{0, 3, ""}}});
    apply(rig, {5, 3, 3, {{0, 3, ""}}});
    rig.text.collect(Seq{2});
    BOOST_TEST((apply(rig, {6, 3, 3, {{1, 0, "x"}}}, 2) == EditVerdict::outside_view));
    BOOST_TEST((apply(rig, {7, 3, 3, {{0, 0, "x"}}}, 2) == EditVerdict::applied));
}

BOOST_AUTO_TEST_CASE(an_edit_below_the_mark_is_void) {
    TextRig rig;
    apply(rig, {1, 0, 0, {{0, 0, "ab"}}});
    apply(rig, {2, 1, 1, {{0, 0, "c"}}}, 1);
    BOOST_TEST((apply(rig, {3, 0, 2, {{0, 0, "x"}}}, 1) == EditVerdict::below_mark));
    BOOST_TEST(rig.str() == "cab");
}

BOOST_AUTO_TEST_CASE(an_edit_outside_its_authors_view_voids_the_whole_event_on_every_path) {
    for (bool const concurrent : {false, true}) {
        BOOST_TEST_CONTEXT("concurrent " << concurrent) {
            TextRig rig;
            apply(rig, {1, 0, 0, {{0, 0, "ab"}}});
            apply(rig, {2, 1, 1, {{0, 0, "c"}}});
            auto const p = concurrent ? 1U : 2U;
            auto const end = concurrent ? 2U : 3U;
            NaiveEvent const past_end{3, p, 2, {{0, 0, "x"}, {end + 2, 0, "y"}}};
            BOOST_TEST((apply(rig, past_end) == EditVerdict::outside_view));
            NaiveEvent const too_long{4, p, 2, {{end - 1, 2, ""}}};
            BOOST_TEST((apply(rig, too_long) == EditVerdict::outside_view));
            NaiveEvent const huge{5, p, 2, {{1, ~std::uint64_t{0}, ""}}};
            BOOST_TEST((apply(rig, huge) == EditVerdict::outside_view));
            BOOST_TEST(rig.str() == "cab");
            NaiveEvent const at_end{6, p, 2, {{end, 0, "z"}}};
            BOOST_TEST((apply(rig, at_end) == EditVerdict::applied));
            BOOST_TEST(rig.str() == "cabz");
        }
    }
}

BOOST_AUTO_TEST_CASE(runs_typed_unseen_at_one_place_stay_whole) {
    for (std::uint64_t seed = 1; seed <= 4'000; ++seed) {
        Dice dice(seed);
        TextRig rig(dice.one_in(2) ? kTinyTuning : kEditTuning);
        apply(rig, {1, 0, 9, {{0, 0, "<>"}}});
        struct Typist {
            std::size_t length;
            bool forwards;
            std::size_t typed = 0;
        };
        std::vector<Typist> typists;
        for (auto count = 2 + dice.below(3); count > 0; --count) {
            typists.push_back({2 + dice.below(5), dice.one_in(2)});
        }
        std::uint64_t seq = 1;
        while (std::ranges::any_of(typists, [](auto& it) { return it.typed < it.length; })) {
            auto const device = dice.below(typists.size());
            auto& typist = typists[device];
            if (typist.typed < typist.length) {
                auto const at = typist.forwards ? 1 + typist.typed : 1;
                std::string const letter(1, static_cast<char>('a' + device));
                apply(rig, {++seq, 1, static_cast<std::uint32_t>(device), {{at, 0, letter}}});
                ++typist.typed;
            }
        }
        auto const text = rig.str();
        for (std::size_t device = 0; device < typists.size(); ++device) {
            std::string const run(typists[device].length, static_cast<char>('a' + device));
            BOOST_TEST_REQUIRE(text.find(run) != std::string::npos,
                               "seed " << seed << ": " << text);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_text_that_is_edited_in_turns_never_builds_a_list) {
    TextRig rig;
    for (std::uint64_t seq = 1; seq <= 1'000; ++seq) {
        auto const device = static_cast<std::uint32_t>(seq / 10 % 3);
        apply(rig, {seq, seq - 1, device, {{seq / 2, 0, "x"}}}, seq / 2);
    }
    BOOST_TEST(rig.text.window().spans() == 0U);
    BOOST_TEST(!rig.text.at_rest());
    rig.text.collect(Seq{1'000});
    BOOST_TEST(rig.text.at_rest());
}

BOOST_AUTO_TEST_CASE(the_list_goes_when_all_in_it_sinks_below_the_mark) {
    TextRig rig;
    apply(rig, {1, 0, 0, {{0, 0, "abc"}}});
    apply(rig, {2, 1, 1, {{1, 0, "x"}}});
    apply(rig, {3, 1, 2, {{1, 1, "y"}}});
    BOOST_TEST(rig.text.window().spans() > 0U);
    rig.text.collect(Seq{2});
    BOOST_TEST(rig.text.window().spans() > 0U);
    rig.text.collect(Seq{3});
    BOOST_TEST(rig.text.window().spans() == 0U);
    BOOST_TEST(rig.text.at_rest());
}
