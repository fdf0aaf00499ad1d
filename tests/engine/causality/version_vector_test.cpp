#include <boost/test/unit_test.hpp>
#include <capstan/engine/causality/version_vector.hpp>

namespace {

using namespace capstan;

DeviceId device(int number) {
    DeviceId id;
    id.bytes[0] = static_cast<std::byte>(number);
    return id;
}

Dot dot(int number, std::uint64_t counter) {
    return Dot{device(number), Counter{counter}};
}

VersionVector vector_of(std::vector<Dot> const& dots) {
    VersionVector vector;
    for (auto const& each : dots) {
        vector.raise(each);
    }
    return vector;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(version_vector)

BOOST_AUTO_TEST_CASE(relation_tells_which_set_has_seen_more) {
    struct Row {
        char const* name;
        std::vector<Dot> a;
        std::vector<Dot> b;
        CausalRelation relation;
    };
    Row const rows[] = {
        {"both empty", {}, {}, CausalRelation::equal},
        {"empty sees less", {}, {dot(1, 1)}, CausalRelation::before},
        {"same", {dot(1, 2), dot(2, 3)}, {dot(2, 3), dot(1, 2)}, CausalRelation::equal},
        {"behind on one", {dot(1, 1), dot(2, 3)}, {dot(1, 2), dot(2, 3)}, CausalRelation::before},
        {"one device more", {dot(1, 1), dot(2, 1)}, {dot(1, 1)}, CausalRelation::after},
        {"each ahead on one",
         {dot(1, 2), dot(2, 1)},
         {dot(1, 1), dot(2, 2)},
         CausalRelation::concurrent},
        {"other devices", {dot(1, 1)}, {dot(2, 1)}, CausalRelation::concurrent},
    };
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            BOOST_CHECK(vector_of(row.a).relation(vector_of(row.b)) == row.relation);
        }
    }
}

BOOST_AUTO_TEST_CASE(raising_to_zero_sees_nothing) {
    BOOST_TEST(vector_of({dot(1, 0)}).empty());
}

BOOST_AUTO_TEST_CASE(stray_dots_join_the_vector_when_the_gap_closes) {
    CausalContext context;
    context.add(dot(1, 3));
    context.add(dot(1, 1));
    BOOST_TEST(context.vector().at(device(1)).value == 1U);
    BOOST_TEST(context.missing(device(1)).size() == 1U);
    context.add(dot(1, 2));
    context.check_invariants();
    BOOST_TEST(context.vector().at(device(1)).value == 3U);
    BOOST_TEST(context.strays().empty());
    BOOST_TEST(context.missing(device(1)).empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(version_vector_properties)

namespace {

std::set<Dot> some_dots() {
    auto const raw = *rc::gen::container<std::vector<std::pair<int, std::uint64_t>>>(
        rc::gen::pair(rc::gen::inRange(1, 4), rc::gen::inRange<std::uint64_t>(1, 9)));
    std::set<Dot> dots;
    for (auto const& [number, counter] : raw) {
        dots.insert(dot(number, counter));
    }
    return dots;
}

CausalContext context_of(std::set<Dot> const& dots) {
    CausalContext context;
    for (auto const& each : dots) {
        context.add(each);
        context.check_invariants();
    }
    return context;
}

}  // namespace

RC_BOOST_PROP(causal_context_is_the_set_of_its_dots, ()) {
    auto const a = some_dots();
    auto const b = some_dots();
    auto context = context_of(a);
    context.merge(context_of(b));
    context.check_invariants();
    auto both = a;
    both.insert(b.begin(), b.end());
    for (int number = 1; number <= 4; ++number) {
        for (std::uint64_t counter = 1; counter <= 10; ++counter) {
            RC_ASSERT(context.contains(dot(number, counter)) ==
                      both.contains(dot(number, counter)));
        }
    }
    RC_ASSERT(context == context_of(both));
}

RC_BOOST_PROP(merged_vector_is_the_least_that_includes_both, ()) {
    auto const a = some_dots();
    auto const b = some_dots();
    auto const left = vector_of({a.begin(), a.end()});
    auto const right = vector_of({b.begin(), b.end()});
    auto merged = left;
    merged.merge(right);
    RC_ASSERT(merged.includes(left) && merged.includes(right));
    for (auto const& [device_id, counter] : merged.counters()) {
        RC_ASSERT(counter == std::max(left.at(device_id), right.at(device_id)));
    }
}

BOOST_AUTO_TEST_SUITE_END()
