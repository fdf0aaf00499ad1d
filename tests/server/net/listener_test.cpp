// Who is let in.
#include "listener_bed.hpp"

using namespace capstan;
using namespace capstan::test;

BOOST_AUTO_TEST_SUITE(listener)

BOOST_AUTO_TEST_CASE(F20_accepting_pauses_at_the_limit_and_goes_on_when_there_is_room) {
    ListenerOptions options;
    options.connections_max = 2;
    Bed bed(options);
    Peer first(bed);
    {
        Peer second(bed);
        Peer third(bed);
        third.give(get("/x"));
        BOOST_TEST(third.taken() == "");
        first.give(get("/x"));
        BOOST_TEST(first.statuses() == "200");
    }
    Peer fourth(bed);
    fourth.give(get("/x"));
    BOOST_TEST(fourth.statuses() == "200");
}

BOOST_AUTO_TEST_CASE(F64_crowd_is_let_in_at_a_rate_and_nobody_is_lost) {
    ListenerOptions options;
    options.accepts_per_second = 10;
    Bed bed(options);
    std::deque<Peer> crowd;
    for (int i = 0; i < 25; ++i) {
        crowd.emplace_back(bed).give(get("/x"));
    }
    BOOST_TEST(bed.listener->counters().accepted == 10U);
    bed.pass(1s);
    BOOST_TEST(bed.listener->counters().accepted == 20U);
    bed.pass(1s);
    for (auto& peer : crowd) {
        BOOST_TEST(peer.statuses() == "200");
    }
}

BOOST_AUTO_TEST_SUITE_END()
