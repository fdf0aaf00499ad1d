// The rules by example: each counter-example of the rules' text, and what bad input does.
#include <boost/test/unit_test.hpp>

#include "history.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

/// A model that is told what happens in few words.
struct Stage {
    Model model{};
    std::uint64_t seq = 0;
    std::uint64_t mark = 0;

    Changes say(std::size_t device,
                std::uint64_t p,
                std::vector<Op> ops,
                std::optional<std::uint64_t> a = {}) {
        ++seq;
        return apply(model,
                     Event{std::move(ops), a ? std::optional(Seq{*a}) : std::nullopt},
                     {Seq{seq}, Seq{p}, Seq{seq}, Seq{mark}, device_of(device)});
    }
    Changes policy(std::string const& aspect, std::string const& word) {
        return say(0,
                   seq,
                   {{.kind = OpKind::insert,
                     .object = "policy " + aspect,
                     .type = std::string(kPolicyType)},
                    {.object = "policy " + aspect, .field = aspect, .value = word}});
    }
    std::string text(std::string const& field) const {
        auto const value = model.value(*model.find("x"), field);
        return value ? std::get<std::string>(*value) : "absent";
    }
};

Op insert() {
    return {.kind = OpKind::insert, .object = "x", .type = "T"};
}
Op remove() {
    return {.kind = OpKind::remove, .object = "x"};
}
Op set(std::string const& text) {
    return {.object = "x", .field = "f", .value = text};
}
Op element(OpKind kind, std::string const& text) {
    return {.kind = kind, .object = "x", .field = "s", .value = text};
}
Op count(OpKind kind, std::int64_t number) {
    return {.kind = kind, .object = "x", .field = "n", .value = number};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(model_rules)

// A folded delta that leaves out a write of an equal value would lose its stamp.
BOOST_AUTO_TEST_CASE(an_equal_value_still_takes_the_new_stamp) {
    Stage stage;
    stage.say(0, 0, {insert()});
    stage.say(1, 1, {set("a")});
    stage.say(2, 2, {set("b")});
    stage.say(2, 3, {set("a")});
    stage.say(3, 2, {set("c")});
    BOOST_TEST(stage.text("f") == "a");
}

BOOST_AUTO_TEST_CASE(a_set_added_to_again_survives_a_remove_of_the_first_add) {
    Stage stage;
    stage.say(0, 0, {insert()});
    stage.say(1, 1, {element(OpKind::set_add, "e")});
    stage.say(1, 2, {element(OpKind::set_remove, "e")});
    stage.say(1, 3, {element(OpKind::set_add, "e")});
    auto const changes = stage.say(3, 2, {element(OpKind::set_remove, "e")});
    BOOST_TEST(stage.model.contains(*stage.model.find("x"), "s", Value{std::string("e")}));
    BOOST_REQUIRE(changes.conflicts.size() == 1U);
    BOOST_TEST((changes.conflicts[0].rule == Rule::add_wins));
}

BOOST_AUTO_TEST_CASE(a_week_old_offline_write_loses_and_says_so) {
    Stage stage;
    stage.say(0, 0, {insert(), set("base")});
    stage.say(1, 1, {set("one")});
    stage.say(2, 2, {set("two")});
    auto const changes = stage.say(3, 1, {set("late")});
    BOOST_TEST(stage.text("f") == "two");
    // Against the winner alone: "one" was settled by someone who knew it.
    BOOST_REQUIRE(changes.conflicts.size() == 1U);
    auto const& conflict = changes.conflicts[0];
    BOOST_TEST((conflict.rule == Rule::causal));
    BOOST_TEST((conflict.winner.value == Value{std::string("two")}));
    BOOST_TEST((conflict.loser.value == Value{std::string("late")}));
    BOOST_TEST((conflict.loser.a == Seq{1}));
    BOOST_TEST((conflict.loser.device == device_of(3)));
    BOOST_TEST(!conflict.open);
}

BOOST_AUTO_TEST_CASE(all_concurrent_pairs_are_reported_above_the_mark) {
    Stage stage;
    stage.say(0, 0, {insert()});
    stage.say(1, 1, {set("one")});
    stage.say(2, 1, {set("two")});
    BOOST_TEST(stage.say(3, 1, {set("three")}).conflicts.size() == 2U);
    stage.mark = 4;
    BOOST_TEST(stage.say(4, 1, {set("four")}).conflicts.size() == 1U);
    BOOST_TEST(stage.text("f") == "four");
}

BOOST_AUTO_TEST_CASE(a_rebased_edit_is_judged_by_what_its_author_had_seen) {
    Stage stage;
    stage.say(0, 0, {insert()});
    stage.say(1, 1, {set("informed")});
    stage.say(2, 2, {set("rebased")}, 1);
    BOOST_TEST(stage.text("f") == "rebased");  // (1, 3) against (1, 2)
    stage.say(1, 3, {set("more")});
    auto const changes = stage.say(2, 4, {set("older")}, 2);
    BOOST_TEST(stage.text("f") == "more");
    BOOST_TEST(changes.conflicts.size() == 1U);
}

BOOST_AUTO_TEST_CASE(siblings_stand_until_someone_who_knows_both_writes) {
    Stage stage;
    stage.policy("register", "multi");
    stage.say(0, 1, {insert()});
    stage.say(1, 2, {set("a")});
    auto const changes = stage.say(2, 2, {set("b")});
    BOOST_REQUIRE(changes.conflicts.size() == 1U);
    BOOST_TEST(changes.conflicts[0].open);
    BOOST_TEST(stage.model.values(*stage.model.find("x"), "f").size() == 2U);
    stage.say(3, 4, {set("both")});
    BOOST_TEST(stage.model.values(*stage.model.find("x"), "f").size() == 1U);
    BOOST_TEST(stage.text("f") == "both");
}

BOOST_AUTO_TEST_CASE(events_are_judged_by_the_policies_before_them) {
    Stage stage;
    stage.say(0, 0, {insert()});
    stage.say(1, 1, {set("a")});
    // The policy and a write in one event: the write is still judged by causal order.
    stage.say(2,
              0,
              {{.kind = OpKind::insert, .object = "p", .type = std::string(kPolicyType)},
               {.object = "p", .field = "register", .value = std::string("arrival")},
               {.object = "p", .field = "type", .value = std::string("T")},
               set("b")});
    BOOST_TEST(stage.text("f") == "a");
    stage.say(2, 0, {set("c")});
    BOOST_TEST(stage.text("f") == "c");
    stage.say(1, 4, {{.kind = OpKind::remove, .object = "p"}});
    stage.say(3, 1, {set("d")});
    BOOST_TEST(stage.text("f") == "d");  // (1, 6) against (0, 4)
}

BOOST_AUTO_TEST_CASE(the_nearest_policy_decides) {
    Policies policies;
    Write const stamp{0, 1, 0};
    policies.choose(Policies::kAny, Policies::kAny, {{}, {}, "register", "arrival", stamp});
    policies.choose(Policies::kAny, 7, {{}, {}, "register", "first", stamp});
    policies.choose(3, Policies::kAny, {{}, {}, "register", "max", stamp});
    policies.choose(3, 7, {{}, {}, "register", "min", stamp});
    policies.choose(3, 7, {{}, {}, "register", "multi", Write{0, 0, 0}});
    policies.choose(3, 7, {{}, {}, "register", "nonsense", Write{9, 9, 0}});
    BOOST_TEST((policies.field(3, 7).reg == RegisterRule::min));
    BOOST_TEST((policies.field(3, 8).reg == RegisterRule::max));
    BOOST_TEST((policies.field(4, 7).reg == RegisterRule::first));
    BOOST_TEST((policies.field(4, 8).reg == RegisterRule::arrival));
}

BOOST_AUTO_TEST_CASE(a_counter_set_keeps_increments_that_it_had_not_seen) {
    Stage stage;
    stage.say(0, 0, {insert(), count(OpKind::add, 5)});
    stage.say(1, 1, {count(OpKind::add, 2)});
    stage.say(2, 1, {count(OpKind::counter_set, 100)});
    BOOST_TEST(stage.model.counter(*stage.model.find("x"), "n") == 102);
    stage.say(1, 2, {count(OpKind::counter_set, 7)});
    BOOST_TEST(stage.model.counter(*stage.model.find("x"), "n") == 7);
}

BOOST_AUTO_TEST_CASE(counters_wrap) {
    Stage stage;
    stage.say(0, 0, {insert(), count(OpKind::add, std::numeric_limits<std::int64_t>::max())});
    stage.say(1, 1, {count(OpKind::add, 1)});
    BOOST_TEST(stage.model.counter(*stage.model.find("x"), "n") ==
               std::numeric_limits<std::int64_t>::min());
}

BOOST_AUTO_TEST_CASE(max_and_min_order_by_kind_then_by_total_order) {
    std::vector<Value> const ascending{Value{},
                                       false,
                                       true,
                                       std::int64_t{-1},
                                       std::int64_t{2},
                                       -std::numeric_limits<double>::infinity(),
                                       -0.0,
                                       0.0,
                                       1.5,
                                       std::numeric_limits<double>::quiet_NaN(),
                                       std::string("a"),
                                       std::string("ab"),
                                       Bytes{std::byte{0}},
                                       Reference{"x"},
                                       BlobReference{}};
    for (std::size_t i = 0; i < ascending.size(); ++i) {
        StoredValue const one(ascending[i]);
        BOOST_TEST((StoredValue::parse_key(one.key()) == one));
        BOOST_TEST((StoredValue::parse(one.kind(), one.payload()) == one));
        for (std::size_t j = i + 1; j < ascending.size(); ++j) {
            BOOST_TEST((one < StoredValue(ascending[j])), i << " < " << j);
            BOOST_TEST((one.key() < StoredValue(ascending[j]).key()), i << " < " << j);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_used_id_begins_a_new_life_for_those_who_knew_of_its_end) {
    Stage stage;
    stage.say(0, 0, {insert(), set("old")});
    stage.say(1, 1, {remove()});
    stage.say(2, 2, {insert()});
    BOOST_TEST(stage.text("f") == "absent");
    auto const changes = stage.say(3, 1, {set("for the old life")});
    BOOST_REQUIRE(changes.voids.size() == 1U);
    BOOST_TEST((changes.voids[0].reason == VoidReason::earlier_life));
    BOOST_TEST(stage.text("f") == "absent");
}

BOOST_AUTO_TEST_CASE(an_id_taken_by_another_device_merges_and_says_so) {
    Stage stage;
    stage.say(1, 0, {insert(), set("one"), count(OpKind::add, 1)});
    auto const changes = stage.say(2, 0, {insert(), set("two"), count(OpKind::counter_set, 1)});
    BOOST_TEST(stage.text("f") == "two");
    BOOST_TEST(stage.model.counter(*stage.model.find("x"), "n") == 2);
    BOOST_REQUIRE(changes.conflicts.size() == 2U);
    BOOST_TEST((changes.conflicts[0].rule == Rule::id_taken));
}

BOOST_AUTO_TEST_CASE(deletions_by_their_three_rules) {
    struct Row {
        std::string rule;
        bool alive_after_late_update;
        bool alive_after_unknowing_delete;
        bool open;
    };
    for (Row const& row : {Row{"delete_wins", false, false, false},
                           Row{"update_wins", true, true, false},
                           Row{"surfaced", true, true, true}}) {
        BOOST_TEST_CONTEXT(row.rule) {
            Stage late;
            late.policy("delete", row.rule);
            late.say(0, 1, {insert(), set("base")});
            late.say(1, 2, {remove()});
            auto changes = late.say(2, 2, {count(OpKind::add, 1)});
            BOOST_TEST((late.model.find("x") != nullptr) == row.alive_after_late_update);
            BOOST_REQUIRE(changes.conflicts.size() == 1U);
            BOOST_TEST((to_string(changes.conflicts[0].rule) == row.rule));
            BOOST_TEST(changes.conflicts[0].open == row.open);
            if (row.alive_after_late_update) {
                BOOST_TEST(late.text("f") == "base");
            }

            Stage unknowing;
            unknowing.policy("delete", row.rule);
            unknowing.say(0, 1, {insert()});
            unknowing.say(2, 2, {set("new")});
            changes = unknowing.say(1, 2, {remove()});
            BOOST_TEST((unknowing.model.find("x") != nullptr) == row.alive_after_unknowing_delete);
            BOOST_REQUIRE(changes.conflicts.size() == 1U);
            BOOST_TEST(changes.conflicts[0].open == row.open);
            if (row.open) {
                BOOST_TEST((unknowing.model.find("x")->state == ObjectState::contested));
                unknowing.say(2, 4, {set("kept")});
                BOOST_TEST((unknowing.model.find("x")->state == ObjectState::live));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(the_merge_mark_lets_a_tombstone_go) {
    Stage stage;
    stage.policy("delete", "update_wins");
    stage.say(0, 1, {insert(), set("base")});
    stage.say(1, 2, {remove()});
    stage.mark = 3;
    auto const changes = stage.say(2, 3, {set("too late")});
    BOOST_REQUIRE(changes.voids.size() == 1U);
    BOOST_TEST((changes.voids[0].reason == VoidReason::missing));
    stage.model.collect();
    BOOST_TEST(stage.model.objects().size() == 1U);  // the policy
}

BOOST_AUTO_TEST_CASE(bad_input_has_a_defined_outcome) {
    struct Row {
        std::string name;
        std::uint64_t p;
        std::vector<Op> ops;
        VoidReason reason;
    };
    Op no_number = count(OpKind::add, 1);
    no_number.value = std::string("one");
    Op of_other_kind = count(OpKind::add, 1);
    of_other_kind.field = "f";
    Op missing = set("v");
    missing.object = "nobody";
    std::vector<Row> const rows{
        {"no such object", 3, {missing}, VoidReason::missing},
        {"removing what is not there",
         3,
         {{.kind = OpKind::remove, .object = "nobody"}},
         VoidReason::missing},
        {"an increment by a text", 3, {set("v"), no_number}, VoidReason::operand},
        {"another kind than declared", 3, {set("v"), of_other_kind}, VoidReason::kind},
        {"a set of a counter from below the mark",
         0,
         {count(OpKind::counter_set, 1)},
         VoidReason::below_mark},
        {"a p above its seq, and 2^64 - 1 as authored_p",
         ~std::uint64_t{0},
         {missing},
         VoidReason::missing},
    };
    for (Row const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            Stage stage;
            stage.say(0,
                      0,
                      {{.kind = OpKind::insert, .object = "p", .type = std::string(kPolicyType)},
                       {.object = "p", .field = "type", .value = std::string("T")},
                       {.object = "p", .field = "field", .value = std::string("f")},
                       {.object = "p", .field = "kind", .value = std::string("register")}});
            stage.say(0, 1, {insert()});
            stage.mark = 1;
            auto const hash = stage.model.state_hash();
            auto const changes = stage.say(1, row.p, row.ops, ~std::uint64_t{0});
            BOOST_REQUIRE(changes.voids.size() == 1U);
            BOOST_TEST((changes.voids[0].reason == row.reason));
            BOOST_TEST(changes.changes.empty());
            BOOST_TEST(stage.model.state_hash() == hash);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_million_operations_in_one_event_take_effect) {
    Stage stage;
    std::vector<Op> ops{insert()};
    for (int n = 0; n < 500'000; ++n) {
        ops.push_back({.object = "x", .field = "f" + std::to_string(n % 50'000)});
        ops.push_back(count(OpKind::add, 1));
        ops.back().object = "missing " + std::to_string(n);
    }
    auto const changes = stage.say(1, 0, ops);
    BOOST_TEST(changes.voids.size() == 500'000U);
    BOOST_TEST(stage.model.find("x")->fields.all().size() == 50'000U);
    stage.model.check_invariants();
}

BOOST_AUTO_TEST_CASE(the_conflict_log_is_bounded) {
    ConflictLog log(ConflictLog::Limits{3, 10'000});
    Changes changes;
    changes.conflicts.resize(5);
    changes.conflicts[4].winner.value = Value{std::string(20'000, 'x')};
    log.add(changes);
    BOOST_TEST(log.newest().empty());
    BOOST_TEST(log.count() == 5U);
    changes.conflicts.resize(4);
    log.add(changes);
    BOOST_TEST(log.newest().size() == 3U);
    BOOST_TEST(log.bytes() < 10'000U);
}

BOOST_AUTO_TEST_SUITE_END()
