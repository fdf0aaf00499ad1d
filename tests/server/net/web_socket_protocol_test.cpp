#include <boost/test/unit_test.hpp>

#include "net_bed.hpp"
#include "web_socket_frames.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;
using namespace std::chrono_literals;

/// Behind the handshake.
struct SocketBed : NetBed {
    SocketBed() {
        protocol = make_web_socket_protocol(
            services, [this] { ++wakes; }, clock.now());
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(web_socket_protocol)

BOOST_AUTO_TEST_CASE(messages_reach_the_session_and_its_own_go_out) {
    SocketBed bed;
    bed.give(frame(kBinary, "hello") + frame(kBinary, "again"));
    BOOST_TEST(bed.session->received == (std::vector<std::string>{"hello", "again"}),
               boost::test_tools::per_element());
    bed.session->queue = {"one", std::string(200, 'x')};
    BOOST_TEST(bed.taken() ==
               "\x82\x03one\x82\x7e" + std::string("\0\xc8", 2) + std::string(200, 'x'));
    BOOST_TEST(bed.services.counters.messages_sent == 2U);
}

BOOST_AUTO_TEST_CASE(bytes_wait_while_the_session_reads_nothing) {
    SocketBed bed;
    bed.session->reads = false;
    bed.give(frame(kBinary, "later"));
    BOOST_TEST(bed.session->received.empty());
    bed.session->reads = true;
    bed.give("");
    BOOST_TEST(bed.session->received.size() == 1U);
}

BOOST_AUTO_TEST_CASE(session_that_ends_sends_what_is_left_then_closes) {
    SocketBed bed;
    bed.session->queue = {"notice"};
    bed.give(frame(kBinary, ""));  // the fake session calls that malformed
    BOOST_TEST(bed.taken() == "\x82\x06notice\x88\x02\x03\xea");
    BOOST_TEST((bed.protocol->outlook() == Outlook::closing));
}

BOOST_AUTO_TEST_CASE(drained_session_closes_as_going_away) {
    SocketBed bed;
    bed.session->end = Ending::after_writes;
    BOOST_TEST(bed.taken() == "\x88\x02\x03\xe9");
    bed.session->end = Ending::at_once;
    BOOST_TEST((bed.protocol->outlook() == Outlook::over));
}

BOOST_AUTO_TEST_CASE(peer_that_closes_gets_its_close_back_and_no_more_messages) {
    SocketBed bed;
    bed.give(frame(kClose, "\x03\xe8"));
    bed.session->queue = {"late"};
    BOOST_TEST(bed.taken() == "\x88\x02\x03\xe8");
    BOOST_TEST((bed.protocol->outlook() == Outlook::closing));
}

BOOST_AUTO_TEST_CASE(F40_quiet_peer_is_pinged_once_and_its_pong_counts) {
    SocketBed bed;
    bed.pass(24s);
    BOOST_TEST(bed.taken() == "");
    bed.pass(2s);
    bed.pass(1s);
    BOOST_TEST(bed.taken() == std::string("\x89\0", 2));
    bed.pass(10s);
    BOOST_TEST(bed.taken() == "");
    bed.give(frame(kPong, ""));
    BOOST_TEST(bed.session->alive == 1);
    bed.pass(26s);
    BOOST_TEST(bed.taken() == std::string("\x89\0", 2));
}

BOOST_AUTO_TEST_CASE(session_hears_once_that_the_connection_is_gone) {
    SocketBed bed;
    bed.protocol->on_end();
    BOOST_TEST((bed.protocol->outlook() == Outlook::over));
    bed.protocol->on_gone();
    bed.protocol.reset();
    BOOST_TEST(bed.session->closed == 1);
}

BOOST_AUTO_TEST_SUITE_END()
