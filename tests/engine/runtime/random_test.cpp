#include <boost/test/unit_test.hpp>
#include <capstan/engine/os/system_random.hpp>
#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/schema/bytes.hpp>
#include <vector>

using namespace capstan;

BOOST_AUTO_TEST_SUITE(random_numbers)

BOOST_AUTO_TEST_CASE(xoshiro_gives_the_published_sequence) {
    // Seeded as the reference programs do: splitmix64 from 0, then xoshiro256++.
    SimRandom random(0);
    BOOST_TEST(random.next() == 0x53175d61490b23dfU);
    BOOST_TEST(random.next() == 0x61da6f3dc380d507U);
    BOOST_TEST(random.next() == 0x5c0fdf91ec9a7bfcU);
}

BOOST_AUTO_TEST_CASE(a_child_depends_on_seed_and_label_alone) {
    SimRandom root(7);
    auto const before = root.child("disk").next();
    root.next();
    BOOST_TEST(root.child("disk").next() == before);
    BOOST_TEST(root.child("net").next() != before);
    BOOST_TEST(SimRandom(8).child("disk").next() != before);
}

BOOST_AUTO_TEST_CASE(below_reaches_every_value_and_no_other) {
    SimRandom random(1);
    std::vector<int> hits(7);
    for (int i = 0; i < 7'000; ++i) {
        ++hits.at(random.below(7));
    }
    for (int const count : hits) {
        BOOST_TEST(count > 800);
        BOOST_TEST(count < 1'200);
    }
    BOOST_TEST(random.below(1) == 0U);
}

BOOST_AUTO_TEST_CASE(fill_covers_a_length_that_is_no_multiple_of_a_word) {
    SimRandom random(1);
    std::vector<std::byte> bytes(21);
    random.fill(bytes);
    SimRandom same(1);
    std::uint64_t const first = same.next();
    BOOST_TEST(load<std::uint64_t>(bytes.data()) == first);
    BOOST_TEST((bytes[16] != std::byte{} || bytes[17] != std::byte{} || bytes[20] != std::byte{}));
}

BOOST_AUTO_TEST_CASE(the_system_does_not_repeat_itself) {
    SystemRandom random;
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 100; ++i) {
        seen.insert(random.next());
    }
    BOOST_TEST(seen.size() == 100U);
}

BOOST_AUTO_TEST_SUITE_END()
