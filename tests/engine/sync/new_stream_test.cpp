#include <boost/test/unit_test.hpp>
#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/engine/sync/outbox.hpp>
#include <optional>
#include <string_view>

namespace capstan::sync {
namespace {

Bytes event(std::string_view text) {
    auto const raw = as_bytes(text);
    return Bytes(raw.begin(), raw.end());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(new_stream)

// The first run makes the stream, and only then it has a generation. A run that says how much of it
// the author has seen must name it, and waits until the server has told.
BOOST_AUTO_TEST_CASE(a_run_that_follows_the_streams_first_one_names_its_history) {
    SimRandom random(7);
    Identity identity(std::nullopt, random);
    FlightWindow window;
    Outbox outbox("acme/room/1", identity, window);
    Effects effects;
    Instant const now;
    outbox.on_standing(Standing{}, false, effects);
    BOOST_TEST(outbox.publish({event("first")}, {.preceding = Seq{0}}, {}).has_value());
    BOOST_TEST(outbox.publish({event("second")}, {.preceding = Seq{1}}, {}).has_value());
    outbox.freeze(effects, 1'000'000);
    auto const first = outbox.next_to_send(now);
    BOOST_TEST_REQUIRE(first.has_value());
    auto const run = RunView::decode(first->run).value();
    auto const attempt = run.header().attempt;
    BOOST_TEST(run.count() == 1u);
    outbox.sent(now, effects);

    outbox.freeze(effects, 1'000'000);
    BOOST_TEST(!outbox.next_to_send(now).has_value());
    BOOST_TEST(outbox.needs_standing());
    Link const last{Counter{1}, attempt};
    outbox.on_answer({.attempt = attempt,
                      .first_counter = Counter{1},
                      .first_seq = Seq{1},
                      .last = last,
                      .device_attempt = attempt},
                     now,
                     random,
                     effects);
    outbox.freeze(effects, 1'000'000);
    BOOST_TEST(!outbox.next_to_send(now).has_value());
    BOOST_TEST(outbox.needs_standing());

    outbox.on_standing({Generation{9}, attempt, last, Seq{0}}, false, effects);
    outbox.freeze(effects, 1'000'000);
    auto const second = outbox.next_to_send(now);
    BOOST_TEST_REQUIRE(second.has_value());
    BOOST_TEST(second->generation.value == 9u);
    outbox.check_invariants();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan::sync
