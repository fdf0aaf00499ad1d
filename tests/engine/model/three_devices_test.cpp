// The schedules of the fuzz target `devices`, drawn at random.
#include "three_devices.hpp"

#include <boost/test/unit_test.hpp>

#include "sequencer/dice.hpp"

using namespace capstan;
using namespace capstan::test;

BOOST_AUTO_TEST_CASE(three_devices_agree_after_any_schedule) {
    Passed all;
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
        Dice dice(seed);
        Bytes schedule(200 + dice.below(3'000));
        for (auto& byte : schedule) {
            byte = static_cast<std::byte>(dice.below(256));
        }
        BOOST_TEST_CONTEXT("seed " << seed) {
            auto const passed = play_three_devices(schedule);
            all.accepted += passed.accepted;
            all.accepted_ahead += passed.accepted_ahead;
            all.refused += passed.refused;
            all.rebased += passed.rebased;
        }
    }
    BOOST_TEST(all.accepted > 10'000U);
    BOOST_TEST(all.accepted_ahead > 1'000U);
    BOOST_TEST(all.refused > 1'000U);
    BOOST_TEST(all.rebased > 1'000U);
}
