// One device's model, case by case.
#include <boost/test/unit_test.hpp>

#include "history.hpp"
#include "replica_bed.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

}  // namespace

BOOST_AUTO_TEST_SUITE(replica)

BOOST_AUTO_TEST_CASE(bad_input_is_refused_as_a_whole_and_changes_nothing) {
    Bed bed;
    bed.write({insert("x"),
               {.kind = OpKind::add, .object = "x", .field = "n", .value = Value{std::int64_t{1}}},
               splice("x", 0, 0, "äöü")});
    bed.pending_before = bed.device.replica().status().pending;

    std::vector<Op> too_many(1'000'000, set("x", "f", true));
    struct Row {
        char const* name;
        std::vector<Op> ops;
        Errc code;
    };
    Row const rows[] = {
        {"no operations", {}, Errc::request_invalid},
        {"an object that is not there", {set("y", "f", true)}, Errc::not_found},
        {"an object that the event itself removed",
         {{.kind = OpKind::remove, .object = "x"}, set("x", "f", true)},
         Errc::not_found},
        {"an id that is there", {insert("x")}, Errc::request_invalid},
        {"a register where there is a counter", {set("x", "n", true)}, Errc::request_invalid},
        {"two kinds in one event",
         {set("x", "f", true),
          {.kind = OpKind::set_add, .object = "x", .field = "f", .value = Value{true}}},
         Errc::request_invalid},
        {"a splice behind the end", {splice("x", 4, 0, "a")}, Errc::request_invalid},
        {"a splice that removes too much", {splice("x", 1, 3, "")}, Errc::request_invalid},
        {"a splice behind what the event itself left",
         {splice("x", 0, 3, ""), splice("x", 1, 0, "a")},
         Errc::request_invalid},
        {"a splice whose length overflows",
         {splice("x", 1, ~std::uint64_t{0}, "")},
         Errc::request_invalid},
        {"a splice of a number",
         {{.kind = OpKind::splice, .object = "x", .field = "t", .value = Value{true}}},
         Errc::request_invalid},
        {"a place in a text that is gone and has come again",
         {{.kind = OpKind::remove, .object = "x"}, insert("x"), splice("x", 1, 0, "a")},
         Errc::request_invalid},
        {"a place behind the end of a list", {list_insert("x", 1, true)}, Errc::request_invalid},
        {"a list where there is a text",
         {{.kind = OpKind::list_insert, .object = "x", .field = "t", .value = Value{true}}},
         Errc::request_invalid},
        {"a counter that takes a text",
         {{.kind = OpKind::add, .object = "x", .field = "n", .value = Value{std::string("1")}}},
         Errc::request_invalid},
        {"no UTF-8", {set("x", "f", std::string("\xff"))}, Errc::request_invalid},
        {"an empty id", {insert("")}, Errc::request_invalid},
        {"an id that is too long", {insert(std::string(256, 'i'))}, Errc::request_invalid},
        {"ten megabytes", {set("x", "f", std::string(10'000'000, 'a'))}, Errc::too_large},
        {"a million operations", std::move(too_many), Errc::too_large},
        {"good ones before a bad one",
         {insert("z"), set("z", "f", true), set("y", "f", true)},
         Errc::not_found},
    };
    for (Row const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            BOOST_TEST((bed.refuses(row.ops) == row.code));
            BOOST_TEST(!bed.device.view().type("z"));
        }
    }
    bed.settle();
    BOOST_TEST(bed.server.tape(kStream).size() == 1U);
}

BOOST_AUTO_TEST_CASE(writes_behind_a_refused_one_go_on_unless_they_need_what_it_was_to_insert) {
    Bed bed;
    auto const first = bed.write({insert("old")});
    bed.settle();
    // Somebody else was faster: the guard fails.
    auto const guarded = bed.write({insert("x"), set("x", "f", true)}, {.expect_head = Seq{7}});
    auto const dependant = bed.write({set("x", "f", false)});
    auto const chain = bed.write({insert("y"), set("x", "g", true)});
    auto const chained = bed.write({set("y", "f", true)});
    auto const other = bed.write({set("old", "f", true)});
    auto const anew = bed.write({insert("z")});
    BOOST_TEST(bed.device.view().type("y").has_value());
    bed.settle();

    BOOST_TEST(!bed.was_refused(first));
    for (auto const id : {guarded, dependant, chain, chained}) {
        BOOST_TEST(bed.was_refused(id));
    }
    BOOST_TEST(!bed.was_refused(other));
    BOOST_TEST(!bed.was_refused(anew));
    BOOST_TEST(!bed.device.view().type("x"));
    BOOST_TEST(!bed.device.view().type("y"));
    BOOST_TEST((bed.device.view().value("old", "f") == Value{true}));
    BOOST_TEST(bed.device.view().type("z").has_value());
}

BOOST_AUTO_TEST_CASE(what_was_refused_can_be_tried_again) {
    Bed bed;
    bed.write({insert("old")});
    bed.settle();
    auto const refused = bed.write({insert("x")}, {.expect_head = Seq{7}});
    bed.settle();
    BOOST_TEST(bed.was_refused(refused));
    auto const again = bed.device.replica().retry(refused);
    require_ok(again);
    BOOST_TEST(bed.device.view().type("x").has_value());
    bed.device.run();
    bed.settle();
    BOOST_TEST(bed.device.view().type("x").has_value());
    BOOST_TEST(bed.device.client().outbox(kStream)->counts().refused == 0U);
    BOOST_TEST((bed.device.replica().retry(refused).error().code == Errc::not_found));
}

BOOST_AUTO_TEST_CASE(a_guard_waits_for_own_writes) {
    Bed bed;
    bed.write({insert("x")});
    auto const guarded =
        bed.device.replica().mutate({{set("x", "f", true)}, {}}, {.expect_head = Seq{1}});
    BOOST_REQUIRE(!guarded);
    BOOST_TEST((guarded.error().code == Errc::not_ready));
    bed.settle();
    bed.write({set("x", "f", true)}, {.expect_head = Seq{1}});
    bed.settle();
    BOOST_TEST(bed.server.tape(kStream).size() == 2U);
}

BOOST_AUTO_TEST_CASE(assigning_a_whole_value_says_what_differs) {
    Bed bed;
    bed.write({insert("x"), set("x", "a", true), set("x", "b", true)});
    auto whole = *bed.device.view().get("x");
    auto const nothing = bed.device.replica().assign("x", whole);
    require_ok(nothing);
    BOOST_TEST(!nothing.value());
    whole.fields["b"] = Value{false};
    auto const something = bed.device.replica().assign("x", whole);
    require_ok(something);
    bed.device.run();
    auto const entries = bed.device.client().outbox(kStream)->entries();
    auto const event = decode_event(entries.back().mutation.events.front()).value();
    BOOST_TEST((event.ops == std::vector<Op>{set("x", "b", false)}));
}

BOOST_AUTO_TEST_CASE(assigning_a_whole_text_says_the_splices_that_make_it) {
    Bed bed;
    bed.write({insert("x"), splice("x", 0, 0, "the quick foxes run")});
    bed.settle();
    auto whole = *bed.device.view().get("x");
    whole.fields["t"] = coalesce::TextField{"the quick brown foxes run, twice"};
    whole.fields["l"] = coalesce::ListField{{Value{true}}};
    require_ok(bed.device.replica().assign("x", whole));
    bed.device.run();
    auto const entries = bed.device.client().outbox(kStream)->entries();
    auto const event = decode_event(entries.back().mutation.events.front()).value();
    BOOST_TEST((event.ops == std::vector<Op>{list_insert("x", 0, true),
                                             splice("x", 10, 0, "brown "),
                                             splice("x", 25, 0, ", twice")}));
    bed.settle();
    BOOST_TEST(bed.device.view().text("x", "t") == "the quick brown foxes run, twice");
}

BOOST_AUTO_TEST_CASE(an_observer_hears_of_a_text_by_splices) {
    Pair pair;
    std::vector<TextEffect> heard;
    pair.a.on_changes = [&heard](Changes const& changes) {
        for (Change const& change : changes.changes) {
            heard.insert(heard.end(), change.text.begin(), change.text.end());
        }
    };
    pair.write(pair.a, {insert("x"), splice("x", 0, 0, "ähm, yes")});
    BOOST_TEST((heard == std::vector<TextEffect>{{0, "", "ähm, yes"}}));
    pair.settle();
    BOOST_TEST(heard.size() == 1U);  // an own write is told once

    // Another's, with nothing pending here: as the model has it.
    heard.clear();
    pair.write(pair.b, {splice("x", 5, 3, "no")});
    pair.settle();
    BOOST_TEST((heard == std::vector<TextEffect>{{5, "yes", "no"}}));

    // Another's, beside what is pending here.
    heard.clear();
    pair.write(pair.b, {splice("x", 7, 0, " way")});
    pair.settle({&pair.b});
    pair.write(pair.a, {splice("x", 0, 3, "oh")});
    pair.settle();
    BOOST_TEST((heard == std::vector<TextEffect>{{0, "ähm", "oh"}, {6, "", " way"}}));
    BOOST_TEST(pair.text(pair.a) == "oh, no way");
    BOOST_TEST(pair.text(pair.b) == "oh, no way");
}

BOOST_AUTO_TEST_CASE(what_was_typed_around_a_refused_edit_stays_where_it_was) {
    Bed bed;
    bed.write({insert("x"), splice("x", 0, 0, "one three")});
    bed.settle();
    // The guard fails; what follows was typed with the refused words in sight.
    auto const refused = bed.write({splice("x", 4, 0, "and a half, ")}, {.expect_head = Seq{7}});
    auto const behind = bed.write({splice("x", 16, 0, "two ")});
    auto const inside = bed.write({splice("x", 8, 6, "third")});
    auto const list = bed.write({list_insert("x", 0, true)});
    BOOST_TEST(bed.device.view().text("x", "t") == "one and third, two three");
    bed.settle();
    BOOST_TEST(bed.was_refused(refused));
    for (auto const id : {behind, inside, list}) {
        BOOST_TEST(!bed.was_refused(id));
    }
    BOOST_TEST(bed.device.view().text("x", "t") == "one thirdtwo three");
    BOOST_TEST((bed.device.replica().retry(refused).error().code == Errc::request_invalid));
}

/// Whoever was away is put where the others are by itself; a device that is merely behind waits
/// until it has caught up.
BOOST_AUTO_TEST_CASE(edits_from_below_the_merge_mark_are_made_anew_at_the_head) {
    Pair pair;
    pair.server.create(kStream, 2);
    pair.write(pair.a, {insert("x"), splice("x", 0, 0, "tail")});
    pair.settle();
    pair.b.break_connection();
    pair.write(pair.b, {splice("x", 4, 0, " of b")});
    pair.write(pair.b, {splice("x", 0, 1, "T")});
    for (char const letter : {'1', '2', '3', '4', '5', '6', '7', '8'}) {
        pair.write(pair.a, {splice("x", 0, 0, std::string(1, letter))});
        pair.settle({&pair.a});
    }
    pair.settle();
    BOOST_TEST(pair.b.counts["writes moved up"] > 0U);
    BOOST_TEST(pair.text(pair.a) == "87654321Tail of b");
    BOOST_TEST(pair.text(pair.b) == "87654321Tail of b");
    BOOST_TEST(pair.a.replica().state_hash() == pair.b.replica().state_hash());
}

/// Two devices insert one object; the later one's text is dropped, and what it typed behind that
/// has no place at the head.
BOOST_AUTO_TEST_CASE(a_write_that_cannot_be_said_as_a_whole_where_it_is_put_is_refused_as_a_whole) {
    Pair pair;
    pair.server.create(kStream, 2);
    pair.write(pair.a, {insert("w")});
    pair.settle();
    pair.b.break_connection();
    std::map<std::uint64_t, sync::WriteState> states;
    pair.b.on_write = [&states](sync::WriteMoved const& moved) {
        states[moved.mutation.value] = moved.state;
    };
    auto const write = [&pair](std::vector<Op> ops) {
        auto const id = pair.b.mutate({std::move(ops), {}}).value();
        pair.b.run();
        return id.value;
    };
    auto const first = write({insert("x"), splice("x", 0, 0, "of b")});
    auto const behind = write({splice("x", 4, 0, "!"), set("x", "f", true), insert("z")});
    auto const dependant = write({set("z", "f", true)});
    auto const other = write({set("w", "f", true)});
    pair.write(pair.a, {insert("x"), splice("x", 0, 0, "of a")});
    for (int n = 0; n < 8; ++n) {
        pair.write(pair.a, {splice("x", 0, 0, ".")});
        pair.settle({&pair.a});
    }
    pair.settle();
    BOOST_TEST((states[first] == sync::WriteState::confirmed));
    BOOST_TEST((states[behind] == sync::WriteState::refused));
    BOOST_TEST((states[dependant] == sync::WriteState::refused));
    BOOST_TEST((states[other] == sync::WriteState::confirmed));
    BOOST_TEST(!pair.b.view().type("z"));
    BOOST_TEST((pair.a.view().value("w", "f") == Value{true}));
    BOOST_TEST(!pair.a.view().value("x", "f"));
    BOOST_TEST(pair.text(pair.b) == "........of a");
}

BOOST_AUTO_TEST_SUITE_END()
