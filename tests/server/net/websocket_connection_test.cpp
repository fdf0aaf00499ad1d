// WebSocket: who may open one, what its frames may be, how it ends.
#include "listener_bed.hpp"

using namespace capstan;
using namespace capstan::test;

BOOST_AUTO_TEST_SUITE(websocket_connection)

BOOST_AUTO_TEST_CASE(F41_foreign_origin_and_cookies_without_one_are_refused_before_the_upgrade) {
    struct Row {
        char const* fields;
        char const* statuses;
    };
    Row const rows[] = {
        {"Origin: https://evil.example\r\n", "403|"},
        {"Origin: https://evil.example\r\nCookie: s=1\r\n", "403|"},
        {"Origin: null\r\n", "403|"},
        {"Origin: https://a.evil.example\r\n", "403|"},
        {"Cookie: s=1\r\n", "403|"},
        {"Origin: https://a\r\n", "101"},
        {"Origin: http://a\r\n", "101"},
        {"Origin: https://app.example\r\n", "101"},
        {"", "101"},
    };
    ListenerOptions options;
    options.origins = {"https://app.example"};
    Bed bed(options);
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.fields) {
            Peer peer(bed);
            peer.give(upgrade(row.fields));
            BOOST_TEST(peer.statuses() == row.statuses);
        }
    }
}

BOOST_AUTO_TEST_CASE(upgrade_whose_socket_is_closed_meanwhile_opens_no_session) {
    Bed bed;
    Peer peer(bed);
    peer.leave_word(upgrade());
    for (int turn = 0; turn < 1'000 && peer.crumb(12) == 0; ++turn) {
        bed.context.poll_one();
    }
    bed.listener->close();  // the answer is written, and nobody has been told
    bed.run();
    BOOST_TEST(bed.host.session == nullptr);
    BOOST_TEST(bed.listener->counters().open == 0U);
}

BOOST_AUTO_TEST_CASE(messages_reach_the_session_and_its_own_go_out) {
    Bed bed;
    SocketPeer peer(bed);
    peer.give(frame(kBinary, "hello") + frame(kBinary, "a", false) + frame(kContinuation, "b"));
    auto const session = bed.host.session;
    BOOST_TEST(session->received == (std::vector<std::string>{"hello", "ab"}),
               boost::test_tools::per_element());
    session->queue = {"one", "in two+ pieces"};
    bed.host.wake();
    BOOST_TEST(peer.taken() == "\x82\x03one\x82\x0din two pieces");
}

BOOST_AUTO_TEST_CASE(F53_what_a_peer_said_before_it_was_gone_is_heard_and_its_session_ends) {
    Bed bed;
    SocketPeer peer(bed);
    auto const session = bed.host.session;
    session->queue = {"to a peer that is gone"};
    peer.break_off(frame(kBinary, "one") + frame(kBinary, "two"));
    bed.run();
    BOOST_TEST(session->received == (std::vector<std::string>{"one", "two"}),
               boost::test_tools::per_element());
    BOOST_TEST(session->closed == 1);
    BOOST_TEST(bed.listener->counters().open == 0U);
}

BOOST_AUTO_TEST_CASE(F37_forbidden_frames_close_with_1002) {
    struct Row {
        char const* name;
        std::string bytes;
    };
    Row const rows[] = {
        {"unmasked", "\x82\x01x"},
        {"opcode 3", frame(3, "")},
        {"ping of 126 bytes", frame(kPing, std::string(126, 'x'))},
        {"with more behind it", frame(3, "") + std::string(10'000, 'x')},
    };
    Bed bed;
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            SocketPeer peer(bed);
            peer.give(row.bytes);
            BOOST_TEST(peer.close_code() == "1002|");
            BOOST_TEST(bed.host.session->closed == 1);
        }
    }
}

BOOST_AUTO_TEST_CASE(F38_text_and_bad_close_frames_close_with_their_codes) {
    struct Row {
        char const* name;
        std::string bytes;
        char const* code;
    };
    Row const rows[] = {
        {"invalid text", frame(kText, "\xff"), "1007"},
        {"valid text", frame(kText, "h\xc3\xa9"), "1003"},
        {"close of one byte", frame(kClose, "\x03"), "1002"},
        {"close 1005", frame(kClose, "\x03\xed"), "1002"},
        {"reason no UTF-8", frame(kClose, "\x03\xe8\xff"), "1002"},
        {"close", frame(kClose, "\x03\xe8"), "1000"},
    };
    Bed bed;
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            SocketPeer peer(bed);
            peer.give(row.bytes);
            BOOST_TEST(peer.close_code().substr(0, 4) == row.code);
        }
    }
}

BOOST_AUTO_TEST_CASE(F39_messages_without_end_close_with_1009) {
    Bed bed;
    SocketPeer large(bed);
    large.give(frame(kBinary, std::string(1'048'577, 'x')).substr(0, 5'000));
    BOOST_TEST(large.close_code() == "1009|");
    SocketPeer fragments(bed);
    auto bytes = frame(kBinary, "x", false);
    for (int i = 0; i < 64; ++i) {
        bytes += frame(kContinuation, "x", false);
    }
    fragments.give(bytes);
    BOOST_TEST(fragments.close_code() == "1009|");
}

BOOST_AUTO_TEST_CASE(F40_ping_is_answered_once_a_flood_ends_and_a_quiet_peer_is_pinged) {
    Bed bed;
    SocketPeer peer(bed);
    peer.give(frame(kPing, "?"));
    BOOST_TEST(peer.taken() == "\x8a\x01?");
    BOOST_TEST(bed.host.session->alive == 1);
    bed.pass(25s);
    BOOST_TEST(peer.taken() == std::string("\x89\0", 2));
    peer.give(frame(kPong, ""));
    BOOST_TEST(bed.host.session->alive == 2);
    std::string flood;
    for (int i = 0; i < 30; ++i) {
        flood += frame(kPing, "");
    }
    SocketPeer rude(bed);
    rude.give(flood);
    auto const answer = rude.taken();
    BOOST_TEST(answer.ends_with('|'));
    BOOST_TEST(std::ranges::count(answer, '\x8a') <= 20);
}

BOOST_AUTO_TEST_CASE(session_that_ends_sends_what_is_left_then_its_code) {
    Bed bed;
    SocketPeer peer(bed);
    bed.host.session->queue = {"notice"};
    peer.give(frame(kBinary, ""));  // the fake session calls that malformed
    BOOST_TEST(peer.taken() == "\x82\x06notice\x88\x02\x03\xea");
    bed.pass(11s);  // the peer never says close
    BOOST_TEST(peer.taken() == "|");
    BOOST_TEST(bed.host.session->closed == 1);
}

BOOST_AUTO_TEST_CASE(last_words_of_a_slow_reader_are_answered_behind_the_frame_under_way) {
    struct Row {
        char const* name;
        std::string bytes;
        std::string code;
    };
    Row const rows[] = {
        {"close", frame(kClose, "\x03\xe8"), "\x03\xe8"},
        {"close, and more behind it", frame(kClose, "\x03\xe8") + frame(kBinary, "x"), "\x03\xe8"},
        {"forbidden frame", frame(3, ""), "\x03\xea"},
        {"text, then close", frame(kText, "x") + frame(kClose, "\x03\xe8"), "\x03\xeb"},
        {"text, then a forbidden frame", frame(kText, "x") + frame(3, ""), "\x03\xeb"},
    };
    std::string const large(20'000'000, 'x');  // more than the kernel's buffers hold
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            Bed bed;
            SocketPeer peer(bed);
            auto const session = bed.host.session;
            session->queue = {large, "nobody asks for this any more"};
            bed.host.wake();
            peer.give(row.bytes);
            auto const heard = peer.taken_to_the_end();
            auto const close = "\x88\x02" + row.code + "|";
            BOOST_TEST(heard.size() == 10 + large.size() + close.size());
            BOOST_TEST(heard.ends_with(close));
            BOOST_TEST(session->received.empty());
            BOOST_TEST(session->closed == 1);
        }
    }
}

BOOST_AUTO_TEST_CASE(close_is_said_once) {
    Bed bed;
    for (auto const& last : {frame(3, ""), frame(kClose, "\x03\xe8")}) {
        SocketPeer peer(bed);
        peer.give(frame(kText, "x"));
        BOOST_TEST(peer.taken() == "\x88\x02\x03\xeb");
        peer.give(last);
        BOOST_TEST(peer.taken() == "|");
    }
}

BOOST_AUTO_TEST_CASE(peer_that_is_late_counts_once_and_one_that_stays_after_its_close_does_not) {
    Bed bed;
    auto const& counters = bed.listener->counters();
    SocketPeer staying(bed);
    staying.give(frame(kClose, "\x03\xe8"));
    bed.pass(2s);
    BOOST_TEST(counters.open == 0U);
    BOOST_TEST(counters.timed_out == 0U);
    SocketPeer late(bed);
    late.give(frame(kBinary, "a", false));
    bed.pass(31s);
    bed.pass(11s);
    BOOST_TEST(counters.open == 0U);
    BOOST_TEST(counters.timed_out == 1U);
}

BOOST_AUTO_TEST_CASE(F39_time_in_which_nothing_is_read_does_not_make_a_message_late) {
    Bed bed;
    SocketPeer peer(bed);
    auto const session = bed.host.session;
    auto const message = frame(kBinary, "hello");
    peer.give(message.substr(0, 8));
    session->full = true;
    bed.host.wake();
    bed.pass(40s);
    session->full = false;
    bed.host.wake();
    bed.pass(29s);
    BOOST_TEST(peer.taken().find('\x88') == std::string::npos);
    peer.give(message.substr(8));
    BOOST_TEST(session->received == (std::vector<std::string>{"hello"}),
               boost::test_tools::per_element());
    peer.give(message.substr(0, 8));
    bed.pass(31s);
    BOOST_TEST(peer.taken().ends_with("\x88\x02\x03\xf1"));
}

BOOST_AUTO_TEST_CASE(F39_message_that_is_not_finished_ends_after_half_a_minute) {
    Bed bed;
    SocketPeer dripping(bed);
    SocketPeer fine(bed);
    dripping.give(frame(kBinary, "a", false));
    for (int i = 0; i < 30; ++i) {
        dripping.give(frame(kPing, ""));  // does not buy time
        fine.give(frame(kBinary, "a"));
        bed.pass(1s);
    }
    BOOST_TEST(dripping.taken().find('\x88') == std::string::npos);
    bed.pass(1s);
    auto const end = dripping.taken();
    BOOST_TEST(end.find("\x88\x02\x03\xf1") != std::string::npos);
    BOOST_TEST(fine.taken().find('\x88') == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
