// When to try again.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/sync/backoff.hpp>
#include <capstan/engine/sync/retry_budget.hpp>
#include <deque>

#include "test_device.hpp"

namespace {

using namespace capstan;
using namespace capstan::sync;
using namespace std::chrono_literals;
using capstan::test::Dice;
using capstan::test::DiceRandom;

}  // namespace

BOOST_AUTO_TEST_SUITE(retries)

BOOST_AUTO_TEST_CASE(ceiling_of_the_backoff_doubles_up_to_a_minute) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        Dice dice(seed);
        DiceRandom random(dice);
        Backoff backoff;
        Duration ceiling = 200ms;
        for (int n = 0; n < 15; ++n) {
            auto const wait = backoff.next(random);
            BOOST_TEST_REQUIRE(wait.count() >= kBackoffMin.count());
            BOOST_TEST_REQUIRE(wait.count() <= std::min(ceiling, kBackoffMax).count());
            ceiling *= 2;
        }
        backoff.reset();
        BOOST_TEST_REQUIRE(backoff.next(random).count() <= Duration(200ms).count());
    }
}

BOOST_AUTO_TEST_CASE(backoff_uses_the_whole_range_so_that_a_crowd_spreads_out) {
    Dice dice(1);
    DiceRandom random(dice);
    std::size_t tenths[10] = {};
    for (int n = 0; n < 1'000; ++n) {
        Backoff backoff;
        for (int failures = 0; failures < 6; ++failures) {
            backoff.next(random);
        }
        auto const wait = backoff.next(random) - kBackoffMin;  // ceiling 12.8 s
        ++tenths[std::min<std::int64_t>(wait / 1'270ms, 9)];
    }
    for (auto const count : tenths) {
        BOOST_TEST(count > 50U);
    }
}

BOOST_AUTO_TEST_CASE(what_the_server_asks_for_is_waited_at_least) {
    Dice dice(1);
    DiceRandom random(dice);
    Backoff backoff;
    BOOST_TEST(backoff.next(random, 5s).count() >= Duration(5'100ms).count());
}

BOOST_AUTO_TEST_CASE(spent_budget_refills_by_time_and_by_first_sendings) {
    RetryBudget budget;
    Instant const start{};
    for (std::uint32_t n = 0; n < kRetryBurst; ++n) {
        BOOST_TEST(budget.take(start));
    }
    BOOST_TEST(!budget.take(start));
    BOOST_CHECK(budget.next(start) == start.plus(kRetryRefill));
    BOOST_TEST(!budget.take(start.plus(kRetryRefill - 1ns)));
    BOOST_TEST(budget.take(start.plus(kRetryRefill)));
    for (int n = 0; n < 10; ++n) {
        BOOST_TEST(!budget.take(start.plus(kRetryRefill)));
        budget.first_sending();
    }
    BOOST_TEST(budget.take(start.plus(kRetryRefill)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(retries_properties)

RC_BOOST_PROP(retries_of_any_minute_are_a_tenth_of_the_requests_and_a_few, ()) {
    auto const steps = *rc::gen::container<std::vector<std::pair<bool, int>>>(
        rc::gen::pair(rc::gen::arbitrary<bool>(), rc::gen::inRange(0, 3'000)));
    RetryBudget budget;
    Instant now{};
    std::deque<Instant> requests;
    std::deque<Instant> retries;
    for (auto const& [is_retry, wait] : steps) {
        now = now.plus(std::chrono::milliseconds(wait));
        if (!is_retry) {
            budget.first_sending();
            requests.push_back(now);
        } else if (budget.take(now)) {
            retries.push_back(now);
        }
        auto const a_minute_ago = now.since_start - 60s;
        std::erase_if(requests, [&](Instant at) { return at.since_start < a_minute_ago; });
        std::erase_if(retries, [&](Instant at) { return at.since_start < a_minute_ago; });
        // The burst, ten of a minute's refill, and one that was begun before.
        RC_ASSERT(retries.size() <= requests.size() / 10 + kRetryBurst + 11);
    }
}

BOOST_AUTO_TEST_SUITE_END()
