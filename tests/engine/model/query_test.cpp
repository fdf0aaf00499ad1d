// What people see, and how two models find where they differ.
#include <boost/test/unit_test.hpp>

#include "history.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

void insert(Model& model,
            std::uint64_t seq,
            std::uint64_t p,
            std::uint64_t run_first,
            std::string const& id,
            std::int64_t size) {
    model.apply(Event{{{.kind = OpKind::insert, .object = id, .type = "T"},
                       {.object = id, .field = "size", .value = size}},
                      {}},
                {Seq{seq}, Seq{p}, Seq{run_first}, Seq{}, device_of(run_first)},
                nullptr);
}

std::string ids(Model const& model, Query query) {
    query.type = "T";
    std::string out;
    for (Object const* object : capstan::query(model, query)) {
        out += object->id;
    }
    return out;
}

/// "c" and "d" were made offline, after "a" alone was seen, and arrive last.
Model feed() {
    Model model;
    insert(model, 1, 0, 1, "a", 5);
    insert(model, 2, 1, 2, "b", 1);
    insert(model, 3, 2, 3, "e", 4);
    insert(model, 4, 1, 4, "c", 2);
    insert(model, 5, 1, 4, "d", 3);
    return model;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(model_queries)

BOOST_AUTO_TEST_CASE(offline_objects_stand_where_their_author_was_and_together) {
    auto const model = feed();
    using Order = Query::Order;
    BOOST_TEST(ids(model, {}) == "abcde");
    BOOST_TEST(ids(model, {.order = Order::arrival}) == "abecd");
    BOOST_TEST(ids(model, {.descending = true, .limit = 2}) == "ed");
    BOOST_TEST(ids(model, {.order = Order::arrival, .descending = true, .limit = 2}) == "dc");
    BOOST_TEST(ids(model, {.order = Order::field, .by = "size"}) == "bcdea");
    BOOST_TEST(ids(model, {.order = Order::field, .by = "size", .descending = true, .limit = 3}) ==
               "aed");
    BOOST_TEST(ids(model, {.limit = 0}) == "");
}

BOOST_AUTO_TEST_CASE(conditions_hold_on_values_of_one_kind) {
    auto const model = feed();
    using Test = Query::Test;
    auto const where = [&](Test test, Value value) {
        return ids(model, {.where = {{"size", test, std::move(value)}}});
    };
    BOOST_TEST(where(Test::equal, std::int64_t{2}) == "c");
    BOOST_TEST(where(Test::not_equal, std::int64_t{2}) == "abde");
    BOOST_TEST(where(Test::less, std::int64_t{3}) == "bc");
    BOOST_TEST(where(Test::at_most, std::int64_t{3}) == "bcd");
    BOOST_TEST(where(Test::greater, std::int64_t{3}) == "ae");
    BOOST_TEST(where(Test::at_least, std::int64_t{3}) == "ade");
    BOOST_TEST(where(Test::greater, std::string()) == "");
    BOOST_TEST(ids(model, {.where = {{"other", Test::absent, {}}}}) == "abcde");
}

RC_BOOST_PROP(the_newest_k_by_any_order_are_the_first_k_of_all, ()) {
    auto const history = random_history({});
    Model model;
    for (PastEvent const& event : history) {
        apply(model, event.event, event.stamp);
    }
    auto const order = static_cast<Query::Order>(*rc::gen::inRange(0, 3));
    Query all{.type = "T", .order = order, .by = "r", .descending = *rc::gen::arbitrary<bool>()};
    Query some = all;
    some.limit = *rc::gen::inRange<std::size_t>(0, 3);
    auto expected = capstan::query(model, all);
    RC_ASSERT(expected.size() == model.size() - 1);
    expected.resize(std::min(expected.size(), some.limit));
    RC_ASSERT(capstan::query(model, some) == expected);
}

BOOST_AUTO_TEST_CASE(a_difference_is_found_by_halving_ranges_of_ids) {
    Model mine;
    Model theirs;
    for (std::uint64_t n = 1; n <= 1'000; ++n) {
        insert(mine, n, n - 1, n, "o" + std::to_string(n), 1);
        insert(theirs, n, n - 1, n, "o" + std::to_string(n), n == 700 ? 2 : 1);
    }
    BOOST_TEST(mine.state_hash() != theirs.state_hash());
    KeyRanges const here(mine);
    KeyRanges const there(theirs);
    BOOST_TEST(here.range("", "").hash == mine.state_hash());
    KeyRanges::Range at = here.range("", "");
    std::size_t questions = 0;
    while (at.objects > 1) {
        std::size_t different = 0;
        for (auto const& part : here.split(at.first, at.end, 16)) {
            ++questions;
            if (part != there.range(part.first, part.end)) {
                ++different;
                at = part;
            }
        }
        BOOST_REQUIRE(different == 1U);
    }
    BOOST_TEST(at.first == "o700");
    BOOST_TEST(questions <= 48U);
}

BOOST_AUTO_TEST_SUITE_END()
