// What a load of `capstan bench` is made of; tests/end_to_end/bench.test runs whole loads.
#include <rapidcheck/boost_test.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <capstan/schema/event.hpp>
#include <cmath>
#include <vector>

#include "bench_events.hpp"
#include "bench_figures.hpp"

namespace capstan::cli::test {
namespace {

using std::chrono::microseconds;

BOOST_AUTO_TEST_SUITE(bench)

RC_BOOST_PROP(event_tells_its_number, (std::uint64_t load, std::uint64_t number)) {
    auto const bytes = *rc::gen::inRange<std::size_t>(128, 2'000);
    auto const events = BenchEvents::make(load, bytes).value();
    auto const event = events.event(number);
    RC_ASSERT(event.size() == events.event_bytes());
    RC_ASSERT(event.size() <= bytes);
    RC_ASSERT(event.size() > bytes - 8);
    RC_ASSERT(decode_event(event).has_value());
    RC_ASSERT(events.number_of(event).value() == number);
}

RC_BOOST_PROP(changed_byte_is_noticed, (std::uint64_t number)) {
    auto const events = BenchEvents::make(7, 200).value();
    auto event = events.event(number);
    auto const at = *rc::gen::inRange<std::size_t>(0, event.size());
    event[at] ^= std::byte{1};
    auto const found = events.number_of(event);
    // What names the load may have changed: then it is another load's.
    bool const noticed = !found || found.value() != number;
    RC_ASSERT(noticed);
}

BOOST_AUTO_TEST_CASE(other_loads_events_are_not_ours) {
    auto const ours = BenchEvents::make(1, 200).value();
    auto const theirs = BenchEvents::make(2, 200).value();
    BOOST_TEST(!ours.number_of(theirs.event(5)).value());
    BOOST_TEST(!ours.number_of({}).value());
}

BOOST_AUTO_TEST_CASE(event_that_cannot_be_checked_is_refused) {
    auto const made = BenchEvents::make(1, 60);
    BOOST_REQUIRE(!made);
    BOOST_TEST((made.error().code == Errc::request_invalid));
}

RC_BOOST_PROP(percentile_is_at_most_a_step_above, (std::vector<std::uint32_t> micros)) {
    RC_PRE(!micros.empty());
    Latencies latencies;
    for (auto const value : micros) {
        latencies.add(microseconds(value));
    }
    std::ranges::sort(micros);
    for (auto const share : {0.5, 0.99, 1.0}) {
        auto const rank = static_cast<std::size_t>(std::ceil(share * double(micros.size())));
        Duration const exact = microseconds(micros[rank - 1]);
        auto const told = latencies.percentile(share);
        RC_ASSERT(told >= exact);
        RC_ASSERT(told <= exact + exact / 64 + Duration(1));
    }
}

BOOST_AUTO_TEST_CASE(no_latencies_have_no_percentile) {
    BOOST_TEST((Latencies().percentile(0.5) == Duration::zero()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace capstan::cli::test
