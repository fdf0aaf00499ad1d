#include <rapidcheck.h>
#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/server/session/rate_limiter.hpp>

namespace {

using namespace capstan;
using namespace std::chrono_literals;

DeviceId device(std::uint8_t n) {
    DeviceId id;
    id.bytes[0] = std::byte{n};
    return id;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rate_limiter)

BOOST_AUTO_TEST_CASE(no_rate_is_no_limit) {
    RateLimiter limiter({});
    for (int i = 0; i < 1'000; ++i) {
        BOOST_TEST(!limiter.take(device(1), "a/b", 1'000'000, 1'000'000, Instant{}).has_value());
    }
    BOOST_TEST(limiter.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_burst_passes_and_the_rest_waits_as_long_as_it_says) {
    RateLimiter limiter({.events = {100, 10}, .bytes = {}});
    Instant now{5s};
    for (int i = 0; i < 11; ++i) {
        BOOST_TEST(!limiter.take(device(1), "a/b", 1, 50, now).has_value());  // one overdraws
    }
    auto const wait = limiter.take(device(1), "a/b", 1, 50, now);
    BOOST_TEST_REQUIRE(wait.has_value());
    BOOST_TEST((*wait == 10ms));
    BOOST_TEST(limiter.take(device(1), "a/b", 1, 50, now.plus(*wait - 1ns)).has_value());
    BOOST_TEST(!limiter.take(device(1), "a/b", 1, 50, now.plus(*wait)).has_value());
}

BOOST_AUTO_TEST_CASE(F65_devices_and_streams_have_buckets_of_their_own) {
    RateLimiter limiter({.events = {1, 0}, .bytes = {}});
    BOOST_TEST(!limiter.take(device(1), "a/b", 1, 1, Instant{}).has_value());
    BOOST_TEST(limiter.take(device(1), "a/b", 1, 1, Instant{}).has_value());
    BOOST_TEST(!limiter.take(device(2), "a/b", 1, 1, Instant{}).has_value());
    BOOST_TEST(!limiter.take(device(1), "a/c", 1, 1, Instant{}).has_value());
}

BOOST_AUTO_TEST_CASE(bytes_count_beside_events) {
    RateLimiter limiter({.events = {}, .bytes = {1'000, 1'000}});
    BOOST_TEST(!limiter.take(device(1), "a/b", 1, 3'000, Instant{}).has_value());
    auto const wait = limiter.take(device(1), "a/b", 1, 1, Instant{});
    BOOST_TEST_REQUIRE(wait.has_value());
    BOOST_TEST((*wait == 2s));
}

BOOST_AUTO_TEST_CASE(full_buckets_are_forgotten) {
    RateLimiter limiter({.events = {1'000, 1'000}, .bytes = {}});
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        Instant const now{std::chrono::milliseconds(i)};
        BOOST_TEST_REQUIRE(
            !limiter.take(device(1), "a/" + std::to_string(i), 1, 1, now).has_value());
        BOOST_TEST_REQUIRE(limiter.size() <= 2'048U);
    }
}

/// Over any stretch of time no more passes than the burst, the rate, and one overdraft.
RC_BOOST_PROP(no_more_passes_than_rate_and_burst, ()) {
    constexpr std::uint64_t kRate = 100;
    constexpr std::uint64_t kBurst = 20;
    constexpr std::uint64_t kRunMax = 30;
    RateLimiter limiter({.events = {kRate, kBurst}, .bytes = {}});
    std::uint64_t passed = 0;
    Instant now{};
    for (int i = 0; i < 200; ++i) {
        now = now.plus(std::chrono::milliseconds(*rc::gen::inRange(0, 100)));
        auto const run = *rc::gen::inRange<std::uint64_t>(1, kRunMax + 1);
        passed += limiter.take(device(1), "a/b", run, 1, now) ? 0 : run;
    }
    auto const milliseconds = static_cast<std::uint64_t>(now.since_start / 1ms);
    RC_ASSERT(passed <= kBurst + kRunMax + kRate * milliseconds / 1'000 + 1);
}

BOOST_AUTO_TEST_SUITE_END()
