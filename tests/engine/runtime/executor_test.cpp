#include <boost/test/unit_test.hpp>
#include <capstan/engine/sim/sim_executor.hpp>
#include <capstan/engine/sim/sim_random.hpp>
#include <memory>
#include <string>

using namespace capstan;
using namespace std::chrono_literals;

namespace {

struct World {
    explicit World(SimSchedule::Order order = SimSchedule::Order::fifo, std::uint64_t seed = 1)
        : random(seed), schedule(clock, random, order) {}
    SimClock clock;
    SimRandom random;
    SimSchedule schedule;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(simulated_executor)

BOOST_AUTO_TEST_CASE(tasks_run_in_order_and_never_inside_post) {
    World world;
    SimExecutor strand(world.schedule);
    std::string trace;
    strand.post([&] {
        strand.post([&] { trace += 'c'; });
        trace += 'a';
    });
    strand.post([&] { trace += 'b'; });
    BOOST_TEST(trace.empty());
    BOOST_TEST(world.schedule.run() == 3U);
    BOOST_TEST(trace == "abc");
}

BOOST_AUTO_TEST_CASE(a_task_may_own_what_only_moves) {
    World world;
    SimExecutor strand(world.schedule);
    int got = 0;
    strand.post([&got, value = std::make_unique<int>(42)] { got = *value; });
    world.schedule.run();
    BOOST_TEST(got == 42);
}

BOOST_AUTO_TEST_CASE(the_clock_jumps_to_the_next_timer) {
    World world;
    SimExecutor strand(world.schedule);
    std::string trace;
    auto late = strand.after(10s, [&] { trace += 'l'; });
    auto soon = strand.after(1s, [&] { trace += 's'; });
    auto tied = strand.after(1s, [&] { trace += 't'; });
    BOOST_TEST(world.schedule.run() == 3U);
    BOOST_TEST(trace == "stl");
    BOOST_TEST((world.clock.now() - Instant{} == 10s));
}

BOOST_AUTO_TEST_CASE(a_destroyed_timer_never_fires_even_when_it_is_due) {
    World world;
    SimExecutor strand(world.schedule);
    bool fired = false;
    auto victim = strand.after(1s, [&] { fired = true; });
    std::unique_ptr<Timer> killer = strand.after(500ms, [&] {
        world.clock.advance(1s);
        strand.post([&] { victim.reset(); });
    });
    world.schedule.run();
    BOOST_TEST(!fired);
}

BOOST_AUTO_TEST_CASE(run_for_stops_at_its_end_and_skips_cancelled_timers) {
    World world;
    SimExecutor strand(world.schedule);
    int fired = 0;
    strand.after(1s, [&] { ++fired; }).reset();
    auto beyond = strand.after(3s, [&] { ++fired; });
    world.schedule.run_for(2s);
    BOOST_TEST(fired == 0);
    BOOST_TEST((world.clock.now() - Instant{} == 2s));
    world.schedule.run_for(1s);
    BOOST_TEST(fired == 1);
}

BOOST_AUTO_TEST_CASE(an_executor_that_dies_takes_its_tasks_along) {
    World world;
    SimExecutor survivor(world.schedule);
    std::string trace;
    std::unique_ptr<Timer> orphan;
    {
        SimExecutor victim(world.schedule);
        victim.post([&] { trace += 'x'; });
        orphan = victim.after(1s, [&] { trace += 'x'; });
        survivor.post([&] { trace += 'o'; });
    }
    world.schedule.run();
    BOOST_TEST(trace == "o");
}

BOOST_AUTO_TEST_CASE(a_seed_chooses_between_executors_and_keeps_the_order_within_each) {
    auto const trace_of = [](std::uint64_t seed) {
        World world(SimSchedule::Order::seeded, seed);
        SimExecutor upper(world.schedule);
        SimExecutor lower(world.schedule);
        std::string trace;
        for (char step = 0; step < 8; ++step) {
            upper.post([&trace, step] { trace += static_cast<char>('A' + step); });
            lower.post([&trace, step] { trace += static_cast<char>('a' + step); });
        }
        world.schedule.run();
        return trace;
    };
    auto const first = trace_of(1);
    BOOST_TEST(first == trace_of(1));
    BOOST_TEST(first != trace_of(2));
    std::string upper;
    std::string lower;
    for (char const letter : first) {
        (letter < 'a' ? upper : lower) += letter;
    }
    BOOST_TEST(upper == "ABCDEFGH");
    BOOST_TEST(lower == "abcdefgh");
}

BOOST_AUTO_TEST_CASE(F18_the_wall_jumps_and_monotonic_time_does_not) {
    SimClock clock(WallTime{1'000'000});
    clock.advance(2s);
    BOOST_TEST(clock.wall().micros == 3'000'000);
    clock.jump_wall(-1h);
    BOOST_TEST(clock.wall().micros == 3'000'000 - 3'600'000'000);
    BOOST_TEST((clock.now() - Instant{} == 2s));
}

BOOST_AUTO_TEST_SUITE_END()
