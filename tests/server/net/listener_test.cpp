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

BOOST_AUTO_TEST_CASE(who_comes_while_the_door_closes_is_not_let_in) {
    Bed bed;
    boost::asio::io_context context;
    std::deque<tcp::socket> crowd;
    for (int i = 0; i < 3; ++i) {
        crowd.emplace_back(context).connect(
            {boost::asio::ip::make_address("127.0.0.1"), bed.listener->port()});
    }
    for (int turn = 0; turn < 1'000 && bed.listener->counters().accepted == 0; ++turn) {
        bed.context.poll_one();
    }
    bed.listener->close();  // the next one is accepted, and nobody has been told
    bed.run();
    BOOST_TEST(bed.listener->counters().accepted == 1U);
    BOOST_TEST(bed.listener->counters().open == 0U);
}

BOOST_AUTO_TEST_CASE(listener_that_accepts_no_more_still_knows_its_port) {
    Bed bed;
    auto const port = bed.listener->port();
    bed.listener->stop_accepting();
    BOOST_TEST(bed.listener->port() == port);
}

BOOST_AUTO_TEST_SUITE_END()
