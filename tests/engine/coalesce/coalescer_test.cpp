// Coalescing: every rule by name, and the law that the state stays what it was.
#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/engine/coalesce.hpp>
#include <limits>

#include "author.hpp"
#include "plain_model.hpp"

namespace {

using namespace capstan;
using namespace capstan::coalesce;
using namespace capstan::test;

Op insert(std::string object) {
    return {.kind = OpKind::insert, .object = std::move(object), .type = "Thing"};
}
Op removal(std::string object) {
    return {.kind = OpKind::remove, .object = std::move(object)};
}
Op set(std::string object, std::string field, std::int64_t value) {
    return {.object = std::move(object), .field = std::move(field), .value = value};
}
Op of(OpKind kind, Value value) {
    return {.kind = kind, .object = "A", .field = "f", .value = std::move(value)};
}
Op add(std::int64_t delta) {
    return of(OpKind::add, delta);
}
Op splice(std::uint64_t at, std::uint64_t count, std::string content) {
    auto op = of(OpKind::splice, std::move(content));
    op.at = at;
    op.count = count;
    return op;
}
Op list_insert(std::uint64_t at, std::int64_t value) {
    auto op = of(OpKind::list_insert, value);
    op.at = at;
    return op;
}
Op list_remove(std::uint64_t at, std::uint64_t count) {
    auto op = of(OpKind::list_remove, {});
    op.at = at;
    op.count = count;
    return op;
}
Op put(std::string key, std::int64_t value) {
    auto op = of(OpKind::map_put, value);
    op.key = std::move(key);
    return op;
}
Op map_remove(std::string key) {
    auto op = of(OpKind::map_remove, {});
    op.key = std::move(key);
    return op;
}

using Ops = std::vector<Op>;

std::vector<Event> events(std::vector<Ops> const& list) {
    std::vector<Event> events;
    for (auto const& ops : list) {
        events.push_back({ops, {}});
    }
    return events;
}

struct Row {
    char const* name;
    std::vector<Ops> all;
    std::vector<Ops> coalesced;
};

void check(Row const& row, RulesOf const& rules = {}) {
    BOOST_TEST_CONTEXT(row.name) {
        auto const result = coalesce::coalesce(events(row.all), rules);
        BOOST_TEST((result == events(row.coalesced)));
    }
}

constexpr auto kMax = std::numeric_limits<std::int64_t>::max();

}  // namespace

BOOST_AUTO_TEST_SUITE(coalescing)

BOOST_AUTO_TEST_CASE(objects) {
    Row const rows[] = {
        {"updates merge into the insert",
         {{insert("A")}, {set("A", "f", 1)}, {set("A", "g", 2)}},
         {{insert("A"), set("A", "f", 1), set("A", "g", 2)}}},
        {"insert and remove are nothing", {{insert("A"), set("A", "f", 1)}, {removal("A")}}, {}},
        {"updates before a remove are nothing",
         {{set("A", "f", 1)}, {add(3)}, {removal("A")}},
         {{removal("A")}}},
        {"only what is of the removed object goes",
         {{insert("A"), set("B", "f", 1)}, {removal("A")}},
         {{set("B", "f", 1)}}},
        {"removed twice is removed", {{removal("A")}, {removal("A")}}, {{removal("A")}}},
        {"a new life stays behind the end of the old one",
         {{removal("A")}, {insert("A")}, {set("A", "f", 1)}},
         {{removal("A")}, {insert("A"), set("A", "f", 1)}}},
        {"a new life that ends leaves the end of the old one",
         {{removal("A")}, {insert("A")}, {set("A", "f", 1)}, {removal("A")}},
         {{removal("A")}}},
        {"events that insert keep their order",
         {{insert("A")}, {insert("B")}, {set("A", "f", 1)}, {set("B", "f", 2)}},
         {{insert("A"), set("A", "f", 1)}, {insert("B"), set("B", "f", 2)}}},
        {"an event with an insert does not move before another insert",
         {{insert("A")}, {insert("B")}, {insert("C"), set("A", "f", 1)}},
         {{insert("A")}, {insert("B")}, {insert("C"), set("A", "f", 1)}}},
        {"what is of other objects stays apart",
         {{set("A", "f", 1)}, {set("B", "f", 1)}},
         {{set("A", "f", 1)}, {set("B", "f", 1)}}},
        {"an event over two objects moves as a whole",
         {{set("A", "f", 1)}, {set("B", "f", 1)}, {set("A", "f", 2), set("B", "f", 2)}},
         {{set("A", "f", 1)}, {set("B", "f", 2), set("A", "f", 2)}}},
    };
    for (auto const& row : rows) {
        check(row);
    }
}

BOOST_AUTO_TEST_CASE(registers_and_counters) {
    Row const rows[] = {
        {"the last set wins", {{set("A", "f", 1)}, {set("A", "f", 2)}}, {{set("A", "f", 2)}}},
        {"unset after set",
         {{set("A", "f", 1)}, {of(OpKind::unset, {})}},
         {{of(OpKind::unset, {})}}},
        {"increments add up", {{add(1)}, {add(2)}, {add(-5)}}, {{add(-2)}}},
        {"increments that cancel are nothing", {{add(5)}, {add(-5)}}, {}},
        {"a sum that leaves int64 stays in parts", {{add(kMax)}, {add(1)}}, {{add(kMax), add(1)}}},
        {"a register and a counter of one name are two fields",
         {{set("A", "f", 1)}, {add(1)}, {set("A", "f", 2)}},
         {{set("A", "f", 2), add(1)}}},
        {"the last set of a counter",
         {{of(OpKind::counter_set, std::int64_t{5})}, {of(OpKind::counter_set, std::int64_t{7})}},
         {{of(OpKind::counter_set, std::int64_t{7})}}},
        {"increments before a set of the counter may outlive it",
         {{add(1)}, {of(OpKind::counter_set, std::int64_t{5})}, {add(2)}},
         {{add(1), of(OpKind::counter_set, std::int64_t{5}), add(2)}}},
    };
    for (auto const& row : rows) {
        check(row);
    }
}

BOOST_AUTO_TEST_CASE(sets_and_maps) {
    auto const one = Value(std::int64_t{1});
    auto const two = Value(std::int64_t{2});
    auto const x = [](OpKind kind, Value const& value) { return of(kind, value); };
    Row const rows[] = {
        {"the last one of an element counts",
         {{x(OpKind::set_add, one)}, {x(OpKind::set_add, two)}, {x(OpKind::set_remove, one)}},
         {{x(OpKind::set_remove, one), x(OpKind::set_add, two)}}},
        {"removed and added is added",
         {{x(OpKind::set_remove, one)}, {x(OpKind::set_add, one)}},
         {{x(OpKind::set_add, one)}}},
        {"the last put of a key",
         {{put("k", 1)}, {put("l", 2)}, {put("k", 3)}},
         {{put("k", 3), put("l", 2)}}},
        {"put and removed is removed", {{put("k", 1)}, {map_remove("k")}}, {{map_remove("k")}}},
    };
    for (auto const& row : rows) {
        check(row);
    }
}

BOOST_AUTO_TEST_CASE(texts) {
    Row const rows[] = {
        {"typing",
         {{splice(3, 0, "h")}, {splice(4, 0, "e")}, {splice(5, 0, "y")}},
         {{splice(3, 0, "hey")}}},
        {"typing backwards", {{splice(3, 0, "b")}, {splice(3, 0, "a")}}, {{splice(3, 0, "ab")}}},
        {"typing inside of what was typed",
         {{splice(3, 0, "hy")}, {splice(4, 0, "e")}},
         {{splice(3, 0, "hey")}}},
        {"typing and erasing it is nothing",
         {{splice(3, 0, "hey")}, {splice(5, 1, "")}, {splice(3, 2, "")}},
         {}},
        {"erasing to the left",
         {{splice(5, 1, "")}, {splice(4, 1, "")}, {splice(3, 1, "")}},
         {{splice(3, 3, "")}}},
        {"erasing to the right", {{splice(5, 1, "")}, {splice(5, 2, "")}}, {{splice(5, 3, "")}}},
        {"a word is typed over",
         {{splice(5, 4, "")}, {splice(5, 0, "s")}, {splice(6, 0, "low")}},
         {{splice(5, 4, "slow")}}},
        {"erasing what was typed and more",
         {{splice(5, 2, "new")}, {splice(4, 5, "")}},
         {{splice(4, 4, "")}}},
        {"the old text before what stays goes by itself",
         {{splice(5, 0, "new")}, {splice(4, 2, "")}},
         {{splice(5, 0, "ew"), splice(4, 1, "")}}},
        {"places that don't touch",
         {{splice(5, 0, "a")}, {splice(9, 0, "b")}},
         {{splice(5, 0, "a"), splice(9, 0, "b")}}},
        {"several bytes are one code point",
         {{splice(0, 0, "\xC3\xBC\xC3\xB6")}, {splice(1, 1, "x")}},
         {{splice(0, 0, "\xC3\xBCx")}}},
    };
    for (auto const& row : rows) {
        check(row);
    }
}

BOOST_AUTO_TEST_CASE(lists) {
    Row const rows[] = {
        {"an insertion that is removed is nothing", {{list_insert(2, 7)}, {list_remove(2, 1)}}, {}},
        {"those behind it move over",
         {{list_insert(2, 7)}, {list_insert(3, 8)}, {list_insert(0, 9)}, {list_remove(3, 1)}},
         {{list_insert(2, 8), list_insert(0, 9)}}},
        {"removals that touch", {{list_remove(4, 1)}, {list_remove(3, 2)}}, {{list_remove(3, 3)}}},
        {"what is removed with it stays",
         {{list_insert(2, 7)}, {list_remove(1, 3)}},
         {{list_remove(1, 2)}}},
    };
    for (auto const& row : rows) {
        check(row);
    }
}

BOOST_AUTO_TEST_CASE(rules_that_are_not_the_default_keep_what_they_may_decide) {
    auto const keep_sets = [](auto, auto) { return CoalesceRules{.last_wins = false}; };
    check({"max and min",
           {{set("A", "f", 5)}, {set("A", "f", 3)}},
           {{set("A", "f", 5), set("A", "f", 3)}}},
          keep_sets);
    auto const removes_win = [](auto, auto) { return CoalesceRules{.adds_win = false}; };
    auto const one = Value(std::int64_t{1});
    check({"a remove keeps its dot",
           {{of(OpKind::set_remove, one)}, {of(OpKind::set_add, one)}},
           {{of(OpKind::set_remove, one), of(OpKind::set_add, one)}}},
          removes_win);
    auto const updates_win = [](auto, auto) { return CoalesceRules{.deletes_win = false}; };
    check({"updates may outlive the remove",
           {{set("A", "f", 1)}, {removal("A")}},
           {{set("A", "f", 1), removal("A")}}},
          updates_win);
}

BOOST_AUTO_TEST_CASE(events_that_an_author_rebase_moved_stay_apart) {
    std::vector<Event> const all{{{set("A", "f", 1)}, Seq{3}}, {{set("A", "f", 2)}, {}}};
    BOOST_TEST((coalesce::coalesce(all) == all));
}

BOOST_AUTO_TEST_CASE(merged_events_stay_below_the_limits) {
    std::vector<Event> all;
    for (int n = 0; n < 5'000; ++n) {
        all.push_back({{set("A", "f" + std::to_string(n), n)}, {}});
    }
    auto const result = coalesce::coalesce(all);
    BOOST_TEST(result.size() == 2U);
    for (auto const& event : result) {
        BOOST_TEST(decode_event(encode_event(event)).has_value());
    }
    auto const large = std::string(500'000, 'x');
    auto const two = coalesce::coalesce(
        events({{of(OpKind::set, large)}, {{.object = "A", .field = "g", .value = large}}}));
    BOOST_TEST(two.size() == 2U);
}

/// For every prefix, since any could be all there is when a run is frozen, and for every cut, since
/// runs are made one after the other.
RC_BOOST_PROP(state_stays_what_it_was_for_every_prefix_and_cut,
              (std::vector<std::uint8_t> const& choices)) {
    Author author(choices);
    PlainModel before;
    std::vector<Event> past;
    for (auto n = *rc::gen::inRange(0, 6); n > 0; --n) {
        past.push_back(author.next(before));
    }
    PlainModel all = before;
    std::vector<Event> events;
    while (author.has_choices()) {
        events.push_back(author.next(all));
        auto coalesced = before;
        auto const result = coalesce::coalesce(events);
        coalesced.apply(result);
        RC_ASSERT(coalesced == all);
        RC_ASSERT(result.size() <= events.size());
    }
    auto const cut = *rc::gen::inRange<std::size_t>(0, events.size() + 1);
    auto const middle = events.begin() + static_cast<std::ptrdiff_t>(cut);
    auto twice = before;
    twice.apply(coalesce::coalesce({events.begin(), middle}));
    twice.apply(coalesce::coalesce({middle, events.end()}));
    RC_ASSERT(twice == all);
}

RC_BOOST_PROP(size_is_never_underestimated, (std::vector<std::uint8_t> const& choices)) {
    Author author(choices);
    PlainModel model;
    Coalescer coalescer;
    while (author.has_choices()) {
        coalescer.add(author.next(model));
    }
    auto const bytes = coalescer.bytes();
    auto const count = coalescer.count();
    std::size_t encoded = 0;
    auto const result = coalescer.take();
    for (auto const& event : result) {
        encoded += encode_event(event).size();
    }
    RC_ASSERT(result.size() == count);
    RC_ASSERT(encoded <= bytes);
    RC_ASSERT(coalescer.count() == 0U);
    RC_ASSERT(coalescer.bytes() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
