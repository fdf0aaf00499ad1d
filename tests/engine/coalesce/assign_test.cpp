// From a whole value to the operations that make it so.
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

ObjectValue thing(std::map<std::string, FieldValue> fields) {
    return {"Thing", std::move(fields)};
}

std::vector<Op> ops_from(ObjectValue const& before, ObjectValue const& after) {
    return assign("A", &before, after).value();
}

FieldValue single(Value value) {
    return value;
}

/// A whole object that an author came to.
PlainModel::Object object_from(std::vector<std::uint8_t> const& choices) {
    Author author(choices);
    PlainModel model;
    model.apply(Op{.kind = OpKind::insert, .object = "A", .type = "Thing"});
    while (author.has_choices()) {
        author.next(model);
    }
    auto const found = model.objects().find("A");
    return found == model.objects().end() ? PlainModel::Object{"Thing", {}, {}, {}, {}, {}, {}}
                                          : found->second;
}

/// The author uses one name for fields of all kinds; a whole value has one kind for each name.
ObjectValue by_kind(PlainModel::Object const& object) {
    PlainModel::Object named;
    named.type = object.type;
    auto const rename = [](auto const& from, auto& to, std::string const& kind) {
        for (auto const& [name, field] : from) {
            to[kind + name] = field;
        }
    };
    rename(object.registers, named.registers, "register ");
    rename(object.counters, named.counters, "counter ");
    rename(object.sets, named.sets, "set ");
    rename(object.maps, named.maps, "map ");
    rename(object.lists, named.lists, "list ");
    rename(object.texts, named.texts, "text ");
    return value_of(named);
}

PlainModel made_of(ObjectValue const& value) {
    PlainModel model;
    model.apply(assign("A", nullptr, value).value());
    return model;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(assigning)

RC_BOOST_PROP(operations_make_the_whole_value_and_say_nothing_about_an_equal_one,
              (std::vector<std::uint8_t> const& some, std::vector<std::uint8_t> const& others)) {
    auto const before = by_kind(object_from(some));
    auto const after = by_kind(object_from(others));
    auto model = made_of(before);
    model.apply(assign("A", &before, after).value());
    RC_ASSERT(model.objects() == made_of(after).objects());
    RC_ASSERT(assign("A", &after, after).value().empty());
}

BOOST_AUTO_TEST_CASE(only_what_differs_is_said) {
    auto const before = thing({{"name", single(std::string("lamp"))},
                               {"on", single(false)},
                               {"note", TextField{"the quick brown fox"}},
                               {"uses", CounterField{40}}});
    auto after = before;
    after.fields["on"] = single(true);
    after.fields["note"] = TextField{"the quick red fox"};
    after.fields["uses"] = CounterField{42};
    auto const ops = ops_from(before, after);
    std::vector<Op> const expected{
        {.kind = OpKind::splice,
         .object = "A",
         .field = "note",
         .value = std::string("red"),
         .at = 10,
         .count = 5},
        {.object = "A", .field = "on", .value = true},
        {.kind = OpKind::add, .object = "A", .field = "uses", .value = std::int64_t{2}},
    };
    BOOST_TEST((ops == expected));
}

BOOST_AUTO_TEST_CASE(register_that_is_not_there_any_more_is_unset) {
    auto const ops = ops_from(thing({{"f", single({})}}), thing({}));
    BOOST_TEST_REQUIRE(ops.size() == 1U);
    BOOST_TEST((ops[0].kind == OpKind::unset));
}

BOOST_AUTO_TEST_CASE(values_are_compared_exactly) {
    auto const nan = std::numeric_limits<double>::quiet_NaN();
    auto const big = std::int64_t{9'007'199'254'740'993};
    struct Row {
        char const* name;
        Value before;
        Value after;
        std::size_t ops;
    };
    Row const rows[] = {
        {"the same NaN", nan, nan, 0},
        {"another NaN", nan, -nan, 1},
        {"zero and minus zero", 0.0, -0.0, 1},
        {"one as another kind", std::int64_t{1}, 1.0, 1},
        {"beyond the exact doubles", big, big + 1, 1},
        {"null and nothing else", Value{}, Value{}, 0},
        {"text and bytes", std::string("a"), Bytes{std::byte{'a'}}, 1},
    };
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            auto const ops = ops_from(thing({{"f", row.before}}), thing({{"f", row.after}}));
            BOOST_TEST(ops.size() == row.ops);
        }
    }
}

BOOST_AUTO_TEST_CASE(counters_go_all_the_way_round) {
    auto const min = std::numeric_limits<std::int64_t>::min();
    auto const max = std::numeric_limits<std::int64_t>::max();
    auto const ops = ops_from(thing({{"f", CounterField{min}}}), thing({{"f", CounterField{max}}}));
    BOOST_TEST_REQUIRE(ops.size() == 1U);
    BOOST_TEST((ops[0].value == Value(std::int64_t{-1})));
}

BOOST_AUTO_TEST_CASE(another_type_or_kind_is_refused) {
    auto const counter = thing({{"f", CounterField{1}}});
    auto const text = thing({{"f", TextField{"1"}}});
    BOOST_TEST((assign("A", &counter, text).error().code == Errc::request_invalid));
    ObjectValue const other{"Other", {}};
    BOOST_TEST((assign("A", &counter, other).error().code == Errc::request_invalid));
}

BOOST_AUTO_TEST_SUITE_END()
