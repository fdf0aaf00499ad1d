// Requests, their bodies and answers that go on: in order, within time and limits.
#include "listener_bed.hpp"

using namespace capstan;
using namespace capstan::test;

BOOST_AUTO_TEST_SUITE(http_connection)

BOOST_AUTO_TEST_CASE(requests_of_a_connection_are_answered_in_order) {
    Bed bed;
    Peer peer(bed);
    peer.give("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" + get("/x"));
    BOOST_TEST(peer.statuses() == "200 200");
    BOOST_TEST(bed.handler.seen == (std::vector<std::string>{"POST /echo", "GET /x"}),
               boost::test_tools::per_element());
    for (char const byte : get("/slowly")) {
        peer.give(std::string(1, byte));
    }
    BOOST_TEST(peer.statuses() == "200");
    peer.give(get("/last", "Connection: close\r\n"));
    BOOST_TEST(peer.statuses() == "200|");
}

BOOST_AUTO_TEST_CASE(F31_refused_request_is_answered_and_nothing_behind_it_is_read) {
    Bed bed;
    Peer peer(bed);
    peer.give(
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n"
        "\r\n0\r\n\r\n" +
        get("/smuggled"));
    BOOST_TEST(peer.statuses() == "400|");
    BOOST_TEST(bed.handler.seen.empty());
}

BOOST_AUTO_TEST_CASE(F33_head_without_an_end_is_refused_at_its_limit) {
    Bed bed;
    Peer peer(bed);
    peer.give("GET /" + std::string(20'000, 'x'));
    BOOST_TEST(peer.statuses() == "431|");
}

BOOST_AUTO_TEST_CASE(body_above_the_limit_is_refused_before_it_comes) {
    Bed bed;
    Peer peer(bed);
    peer.give("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
    BOOST_TEST(peer.statuses() == "413|");
}

BOOST_AUTO_TEST_CASE(F34_slow_header_ends_after_ten_seconds_in_all) {
    Bed bed;
    Peer peer(bed);
    for (int i = 0; i < 9; ++i) {
        peer.give("G");  // one byte a second does not buy time
        bed.pass(1s);
    }
    BOOST_TEST(peer.taken() == "");
    bed.pass(1100ms);
    BOOST_TEST(peer.taken().ends_with('|'));
    BOOST_TEST(bed.listener->counters().timed_out == 1U);
}

BOOST_AUTO_TEST_CASE(F34_slow_body_ends_below_a_kibibyte_a_second) {
    std::string const head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
    Bed bed;
    Peer slow(bed);
    slow.give(head + "x");
    bed.pass(5s);
    BOOST_TEST(slow.taken() == "");  // the grace
    bed.pass(2s);
    BOOST_TEST(slow.taken().ends_with('|'));
    Peer steady(bed);
    steady.give(head);
    for (int i = 0; i < 60; ++i) {
        steady.give(std::string(1'100, 'x'));
        bed.pass(1s);
    }
    BOOST_TEST(steady.taken() == "");
}

BOOST_AUTO_TEST_CASE(F34_who_says_nothing_is_closed_but_a_long_poll_is_not) {
    Bed bed;
    Peer silent(bed);
    Peer waiting(bed);
    waiting.give(get("/wait"));
    bed.pass(61s);
    BOOST_TEST(silent.taken() == "|");
    BOOST_TEST(waiting.taken() == "");
    bed.handler.waiting({.body = "{}"});
    BOOST_TEST(waiting.statuses() == "200");
}

BOOST_AUTO_TEST_CASE(F35_bytes_behind_an_upgrade_request_are_refused) {
    Bed bed;
    Peer peer(bed);
    peer.give(upgrade() + get("/smuggled"));
    BOOST_TEST(peer.statuses() == "400|");
    BOOST_TEST(bed.handler.seen.empty());
}

BOOST_AUTO_TEST_CASE(flow_goes_out_piece_by_piece_and_ends_with_its_connection) {
    Bed bed;
    Peer peer(bed);
    peer.give(get("/flow"));
    BOOST_TEST(peer.statuses() == "200");
    bed.handler.flow.lock()->say("hello");
    BOOST_TEST(peer.taken() == "5\r\nhello\r\n");
    bed.pass(10min);  // silence is the flow's own business
    BOOST_TEST(peer.taken() == "");
    peer.give(get("/x"));
    BOOST_TEST(peer.taken() == "");
    bed.handler.flow.lock()->say("end");
    BOOST_TEST(peer.taken() == "0\r\n\r\n|");
    BOOST_TEST(bed.handler.flow.expired());
    BOOST_TEST(bed.handler.seen.size() == 1U);
}

BOOST_AUTO_TEST_CASE(flow_before_http_1_1_ends_with_the_connection) {
    Bed bed;
    Peer peer(bed);
    peer.give("GET /flow HTTP/1.0\r\n\r\n");
    BOOST_TEST(peer.statuses() == "200");
    bed.handler.flow.lock()->say("hello");
    bed.handler.flow.lock()->say("end");
    BOOST_TEST(peer.taken() == "hello|");
}

BOOST_AUTO_TEST_CASE(F53_flow_is_dropped_with_its_peer) {
    Bed bed;
    {
        Peer peer(bed);
        peer.give(get("/flow"));
        BOOST_TEST(!bed.handler.flow.expired());
    }
    bed.run();
    BOOST_TEST(bed.handler.flow.expired());
    BOOST_TEST(bed.listener->counters().open == 0U);
}

BOOST_AUTO_TEST_CASE(F34_flow_of_a_peer_that_takes_nothing_holds_one_piece_and_ends) {
    Bed bed;
    Peer peer(bed);
    peer.give(get("/flow"));
    {
        auto const flow = bed.handler.flow.lock();
        for (int i = 0; i < 1'000; ++i) {
            flow->pieces.emplace_back(65'536, 'x');
        }
        flow->say("last");
        bed.run();
        BOOST_TEST(flow->asked < 300);  // what the kernel's buffers hold
    }
    bed.pass(11s);
    BOOST_TEST(bed.handler.flow.expired());
    BOOST_TEST(bed.listener->counters().timed_out == 1U);
}

BOOST_AUTO_TEST_CASE(F33_flood_behind_a_flow_ends_it) {
    Bed bed;
    Peer peer(bed);
    peer.give(get("/flow"));
    peer.give(std::string(40'000, 'x'));
    BOOST_TEST(peer.taken().ends_with('|'));
    BOOST_TEST(bed.handler.flow.expired());
}

BOOST_AUTO_TEST_CASE(F34_reader_that_takes_a_crumb_now_and_then_ends) {
    Bed bed;
    Peer peer(bed);
    peer.give(get("/large"));
    for (int i = 0; i < 3; ++i) {
        bed.pass(9s);
        BOOST_TEST(peer.crumb(512) == 512U);
    }
    BOOST_TEST(bed.listener->counters().timed_out == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
