// Texts and lists of a model by example: what happens to them with their object, and what bad input
// does. How edits merge is tested in tests/engine/text.
#include <boost/test/unit_test.hpp>

#include "history.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

struct Stage {
    explicit Stage(Model::Collect collect = Model::Collect::as_applied) : model(collect) {}

    Changes say(std::size_t device, std::uint64_t p, std::vector<Op> ops) {
        return say(device, p, std::move(ops), seq + 1);
    }
    Changes say(std::size_t device, std::uint64_t p, std::vector<Op> ops, std::uint64_t run_first) {
        ++seq;
        return apply(model,
                     Event{std::move(ops), {}},
                     {Seq{seq}, Seq{p}, Seq{run_first}, Seq{mark}, device_of(device)});
    }
    std::string text() const { return model.text(*model.find("x"), "t"); }
    std::string list() const {
        std::string out;
        for (Value const& value : model.list(*model.find("x"), "l")) {
            out += std::get<std::string>(value);
        }
        return out;
    }

    Model model;
    std::uint64_t seq = 0;
    std::uint64_t mark = 0;
};

Op insert() {
    return {.kind = OpKind::insert, .object = "x", .type = "T"};
}
Op remove() {
    return {.kind = OpKind::remove, .object = "x"};
}
Op splice(std::uint64_t at, std::uint64_t count, std::string const& text) {
    return {.kind = OpKind::splice,
            .object = "x",
            .field = "t",
            .value = text,
            .at = at,
            .count = count};
}
Op put(std::uint64_t at, std::string const& element) {
    return {.kind = OpKind::list_insert, .object = "x", .field = "l", .value = element, .at = at};
}
Op take(std::uint64_t at, std::uint64_t count) {
    return {.kind = OpKind::list_remove, .object = "x", .field = "l", .at = at, .count = count};
}

VoidReason reason(Changes const& changes) {
    BOOST_TEST_REQUIRE(changes.voids.size() == 1U);
    BOOST_TEST(changes.changes.empty());
    return changes.voids[0].reason;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(model_content)

BOOST_AUTO_TEST_CASE(an_event_edits_a_text_and_a_list_of_what_it_inserts) {
    Stage stage;
    auto const changes = stage.say(
        1, 0, {insert(), splice(0, 0, "hällo"), put(0, "a"), splice(1, 1, "e"), put(1, "b")});
    BOOST_TEST(stage.text() == "hello");
    BOOST_TEST(stage.list() == "ab");
    BOOST_TEST(stage.model.size(*stage.model.find("x"), "t", FieldKind::text) == 5U);
    BOOST_TEST_REQUIRE(changes.changes.size() == 3U);
    BOOST_TEST(
        (changes.changes[1].text == std::vector<TextEffect>{{0, "", "hällo"}, {1, "ä", "e"}}));
    BOOST_TEST(
        (changes.changes[2].list == std::vector<ListEffect>{{0, {}, {Value{std::string("a")}}},
                                                            {1, {}, {Value{std::string("b")}}}}));
}

BOOST_AUTO_TEST_CASE(concurrent_edits_say_where_they_land_and_what_they_remove) {
    Stage stage;
    stage.say(1, 0, {insert(), splice(0, 0, "abcdef")});
    stage.say(2, 1, {splice(0, 0, "xy")});
    auto const changes = stage.say(3, 1, {splice(1, 2, "Z")});
    BOOST_TEST(stage.text() == "xyaZdef");
    BOOST_TEST_REQUIRE(changes.changes.size() == 1U);
    BOOST_TEST((changes.changes[0].text == std::vector<TextEffect>{{3, "bc", "Z"}}));
}

// What is void for one text or list of an object is void for all of the event on that object.
BOOST_AUTO_TEST_CASE(an_edit_outside_its_view_voids_all_of_its_object) {
    Stage stage;
    stage.say(1, 0, {insert(), splice(0, 0, "ab")});
    Op other = insert();
    other.object = "y";
    auto const changes = stage.say(1, 1, {put(0, "a"), splice(3, 0, "c"), other});
    BOOST_TEST_REQUIRE(changes.voids.size() == 1U);
    BOOST_TEST((changes.voids[0].reason == VoidReason::position && !changes.voids[0].op));
    BOOST_TEST(stage.text() == "ab");
    BOOST_TEST(stage.list() == "");
    BOOST_TEST((stage.model.find("y") != nullptr));
}

BOOST_AUTO_TEST_CASE(bad_edits_are_void) {
    Stage stage;
    stage.say(1, 0, {insert(), splice(0, 0, "ab"), put(0, "a")});
    auto const hash = stage.model.state_hash();
    auto const far = ~std::uint64_t{0};
    Op number = splice(0, 0, "");
    number.value = std::int64_t{7};
    BOOST_TEST((reason(stage.say(1, 1, {splice(1, 2, "")})) == VoidReason::position));
    BOOST_TEST((reason(stage.say(1, 1, {splice(far, far, "x")})) == VoidReason::position));
    BOOST_TEST((reason(stage.say(1, 1, {take(0, far)})) == VoidReason::position));
    BOOST_TEST((reason(stage.say(1, 1, {put(2, "b")})) == VoidReason::position));
    BOOST_TEST((reason(stage.say(1, 1, {number})) == VoidReason::operand));
    BOOST_TEST(stage.model.state_hash() == hash);
}

BOOST_AUTO_TEST_CASE(an_edit_from_below_the_mark_is_void_but_for_own_inserts_of_the_run) {
    Stage stage;
    stage.say(1, 0, {insert(), splice(0, 0, "ab")});
    stage.say(2, 1, {splice(2, 0, "c")});
    stage.mark = 2;
    BOOST_TEST((reason(stage.say(3, 1, {splice(0, 0, "x")})) == VoidReason::below_mark));
    BOOST_TEST(stage.text() == "abc");
    Op other = insert();
    other.object = "y";
    Op edit = splice(0, 0, "own");
    edit.object = "y";
    auto const run_first = stage.seq + 1;
    stage.say(3, 1, {other}, run_first);
    BOOST_TEST(stage.say(3, 1, {edit}, run_first).voids.empty());
    BOOST_TEST(stage.model.text(*stage.model.find("y"), "t") == "own");
}

BOOST_AUTO_TEST_CASE(an_insert_of_an_id_that_lives_leaves_out_its_texts_and_lists) {
    Stage stage;
    stage.say(1, 0, {insert(), splice(0, 0, "first"), put(0, "a")});
    auto const changes = stage.say(2, 0, {insert(), splice(0, 0, "second"), put(0, "b")});
    BOOST_TEST_REQUIRE(changes.conflicts.size() == 1U);
    BOOST_TEST((changes.conflicts[0].rule == Rule::id_taken));
    BOOST_TEST(stage.text() == "first");
    BOOST_TEST(stage.list() == "a");
}

BOOST_AUTO_TEST_CASE(a_new_life_begins_with_empty_texts_and_lists) {
    Stage stage;
    stage.say(1, 0, {insert(), splice(0, 0, "old"), put(0, "a")});
    stage.say(1, 1, {remove()});
    stage.say(1, 2, {insert()});
    BOOST_TEST(stage.text() == "");
    BOOST_TEST(stage.list() == "");
    BOOST_TEST((reason(stage.say(2, 1, {splice(3, 0, "er")})) == VoidReason::earlier_life));
}

BOOST_AUTO_TEST_CASE(an_event_may_end_a_life_and_edit_the_next) {
    Stage stage;
    stage.say(1, 0, {insert(), splice(0, 0, "old")});
    stage.say(
        1, 1, {splice(3, 0, "er"), remove(), insert(), splice(0, 0, "new"), splice(9, 0, "?")});
    BOOST_TEST(stage.text() == "");  // the edits of the new life are judged together
    stage.say(1, 2, {remove(), insert(), splice(0, 0, "new"), splice(3, 0, "er")});
    BOOST_TEST(stage.text() == "newer");
}

// A tombstone keeps text and window where an update may revive it.
BOOST_AUTO_TEST_CASE(an_unseen_edit_revives_a_text_where_it_was_typed) {
    Stage stage;
    stage.say(1,
              0,
              {{.kind = OpKind::insert, .object = "policy", .type = std::string(kPolicyType)},
               {.object = "policy", .field = "delete", .value = std::string("update_wins")}});
    stage.say(1, 1, {insert(), splice(0, 0, "abc")});
    stage.say(2, 2, {splice(0, 0, "12")});
    stage.say(1, 3, {remove()});
    BOOST_TEST((stage.model.find("x") == nullptr));
    auto const changes = stage.say(3, 2, {splice(1, 1, "B")});
    BOOST_TEST(stage.text() == "12aBc");
    BOOST_TEST_REQUIRE(changes.changes.size() == 2U);
    BOOST_TEST((changes.changes[0].kind == Change::Kind::revive));
    BOOST_TEST((changes.changes[1].text == std::vector<TextEffect>{{3, "b", "B"}}));
    stage.model.check_invariants();
}

BOOST_AUTO_TEST_CASE(at_rest_a_text_is_its_content) {
    Stage stage;
    stage.say(1, 0, {insert(), splice(0, 0, std::string(100'000, 'x'))});
    for (std::size_t i = 0; i < 200; ++i) {
        stage.say(i % 3, 1, {splice(i, 0, "y")});
    }
    Field const& field = *stage.model.field(*stage.model.find("x"), "t", FieldKind::text);
    BOOST_TEST(!field.text()->at_rest());
    stage.mark = stage.seq;
    Op elsewhere = insert();
    elsewhere.object = "y";
    stage.say(1, stage.seq, {elsewhere});
    BOOST_TEST(field.text()->at_rest());
    BOOST_TEST(stage.model.due().empty());
    BOOST_TEST(field.text()->memory_bytes() < 150'000U);
}

BOOST_AUTO_TEST_CASE(pending_edits_keep_what_they_were_made_on) {
    Stage stage;
    stage.say(1, 0, {insert(), splice(0, 0, "ab")});
    stage.model.keep_from(Seq{1});
    stage.say(2, 1, {splice(1, 0, "x")});
    stage.mark = 2;
    stage.say(2, 2, {splice(3, 0, "!")});
    Field const& field = *stage.model.field(*stage.model.find("x"), "t", FieldKind::text);
    BOOST_TEST(!field.text()->at_rest());
    stage.model.keep_from(std::nullopt);
    stage.mark = 3;
    stage.say(2, 3, {splice(4, 0, "!")});
    stage.mark = 4;
    stage.model.collect();
    stage.say(2, 4, {splice(5, 0, "!")});
    BOOST_TEST(field.text()->window().spans() == 0U);
}

BOOST_AUTO_TEST_CASE(hashes_tell_contents_apart_and_an_empty_text_is_none) {
    Stage stage;
    stage.say(1, 0, {insert()});
    auto const empty = stage.model.state_hash();
    stage.say(1, 1, {splice(0, 0, "ab")});
    auto const ab = stage.model.state_hash();
    BOOST_TEST(ab != empty);
    Stage other;
    other.say(1, 0, {insert()});
    other.say(1, 1, {splice(0, 0, "ba")});
    BOOST_TEST(other.model.state_hash() != ab);
    Field const& field = *stage.model.field(*stage.model.find("x"), "t", FieldKind::text);
    stage.say(1, 2, {splice(0, 2, "")});
    stage.model.state_hash();
    BOOST_TEST(field.hash == 0U);
    stage.model.check_invariants();
}

BOOST_AUTO_TEST_SUITE_END()
