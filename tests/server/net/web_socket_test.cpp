#include <boost/test/unit_test.hpp>
#include <capstan/server/net/web_socket.hpp>

#include "web_socket_frames.hpp"

namespace {

using namespace capstan;
using namespace std::chrono_literals;
using namespace capstan::test;

WebSocketLimits const kLimits{1'000, 4, 5, std::chrono::seconds(30)};

/// A peer that was given bytes in pieces of one size, and what it said.
struct Run {
    explicit Run(WebSocketLimits const& limits = kLimits) : peer(limits) {}

    Run& give(std::string const& bytes, std::size_t piece) {
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            auto input = as_bytes(std::string_view(bytes).substr(at, piece));
            while (true) {
                auto const step = peer.receive(input, scratch, now);
                if (step.kind != WebSocketInput::message) {
                    break;
                }
                BOOST_TEST(reinterpret_cast<std::uintptr_t>(step.payload.data()) % 8 == 0U);
                said += "[" + std::string(as_text(step.payload)) + "]";
            }
        }
        while (auto const control = peer.next_control()) {
            said += describe(*control);
        }
        return *this;
    }

    static std::string describe(std::string const& frame) {
        auto const opcode = static_cast<unsigned char>(frame[0]);
        auto const payload = frame.substr(2);
        BOOST_TEST(static_cast<std::size_t>(frame[1]) == payload.size());
        if (opcode == 0x88) {
            auto const u8 = [&](std::size_t i) { return static_cast<unsigned char>(payload[i]); };
            return "close" + (payload.empty() ? "" : " " + std::to_string(u8(0) << 8 | u8(1)));
        }
        return (opcode == 0x8a ? "pong " : "ping ") + payload;
    }

    WebSocketScratch scratch{2'000};
    WebSocketPeer peer;
    Instant now;
    std::string said;
};

struct Row {
    char const* name;
    std::string bytes;
    std::string expected;
};

void check(std::vector<Row> const& rows) {
    for (auto const& row : rows) {
        for (std::size_t const piece : {std::size_t{1}, std::size_t{3}, row.bytes.size()}) {
            BOOST_TEST_CONTEXT(row.name << ", " << piece << " bytes at a time") {
                BOOST_TEST(Run().give(row.bytes, piece).said == row.expected);
            }
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(web_socket)

BOOST_AUTO_TEST_CASE(messages_are_unmasked_and_joined) {
    check({
        {"one", frame(kBinary, "hello"), "[hello]"},
        {"empty", frame(kBinary, ""), "[]"},
        {"two", frame(kBinary, "a") + frame(kBinary, "b"), "[a][b]"},
        {"16-bit length", frame(kBinary, std::string(300, 'x')), "[" + std::string(300, 'x') + "]"},
        {"fragments",
         frame(kBinary, "he", false) + frame(kContinuation, "ll", false) +
             frame(kContinuation, "o"),
         "[hello]"},
        {"empty fragments", frame(kBinary, "", false) + frame(kContinuation, ""), "[]"},
        {"ping inside",
         frame(kBinary, "he", false) + frame(kPing, "?") + frame(kContinuation, "llo"),
         "[hello]pong ?"},
        {"pong unasked", frame(kPong, "x") + frame(kBinary, "a"), "[a]"},
        {"close", frame(kClose, "\x03\xe8"), "close 1000"},
        {"close without code", frame(kClose, ""), "close"},
        {"close with reason",
         frame(kClose,
               "\x03\xe8"
               "bye"),
         "close 1000"},
        {"nothing after close", frame(kClose, "\x03\xe8") + frame(kBinary, "a"), "close 1000"},
    });
}

BOOST_AUTO_TEST_CASE(F37_frames_that_a_client_may_not_send_close_1002) {
    auto const raw = [](std::initializer_list<int> bytes) {
        std::string out;
        for (int const byte : bytes) {
            out += static_cast<char>(byte);
        }
        return out + std::string(4, '\0');
    };
    check({
        {"unmasked", "\x82\x01x", "close 1002"},
        {"first reserved bit", raw({0xc2, 0x80}), "close 1002"},
        {"second reserved bit", raw({0xa2, 0x80}), "close 1002"},
        {"third reserved bit", raw({0x92, 0x80}), "close 1002"},
        {"opcode 3", frame(3, ""), "close 1002"},
        {"opcode 11", frame(11, ""), "close 1002"},
        {"ping of 126 bytes", frame(kPing, std::string(126, 'x')), "close 1002"},
        {"ping in pieces", frame(kPing, "", false), "close 1002"},
        {"close in pieces", frame(kClose, "", false), "close 1002"},
        {"length with high bit", raw({0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0}), "close 1002"},
        {"16-bit length that is not minimal", raw({0x82, 0xfe, 0, 125}), "close 1002"},
        {"64-bit length that is not minimal",
         raw({0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff}),
         "close 1002"},
        {"continuation of nothing", frame(kContinuation, "x"), "close 1002"},
        {"message within a message",
         frame(kBinary, "a", false) + frame(kBinary, "b"),
         "close 1002"},
        {"nothing is read after it", frame(3, "") + frame(kBinary, "a"), "close 1002"},
    });
}

BOOST_AUTO_TEST_CASE(F38_text_and_bad_close_frames_close_1007_1003_1002) {
    check({
        {"invalid text", frame(kText, "\xff"), "close 1007"},
        {"invalid text in pieces",
         frame(kText, "\xc3", false) + frame(kContinuation, "x"),
         "close 1007"},
        {"surrogate", frame(kText, "\xed\xa0\x80"), "close 1007"},
        {"valid text", frame(kText, "h\xc3\xa9"), "close 1003"},
        {"close of one byte", frame(kClose, "\x03"), "close 1002"},
        {"close 999", frame(kClose, "\x03\xe7"), "close 1002"},
        {"close 1004", frame(kClose, "\x03\xec"), "close 1002"},
        {"close 1005", frame(kClose, "\x03\xed"), "close 1002"},
        {"close 1006", frame(kClose, "\x03\xee"), "close 1002"},
        {"close 1015", frame(kClose, "\x03\xf7"), "close 1002"},
        {"close 2999", frame(kClose, "\x0b\xb7"), "close 1002"},
        {"close 3000", frame(kClose, "\x0b\xb8"), "close 3000"},
        {"close 5000", frame(kClose, "\x13\x88"), "close 1002"},
        {"reason no UTF-8", frame(kClose, "\x03\xe8\xff"), "close 1007"},
    });
}

BOOST_AUTO_TEST_CASE(F39_messages_without_end_close_1009) {
    std::string fragments = frame(kBinary, "x", false);
    for (int i = 0; i < 4; ++i) {
        fragments += frame(kContinuation, "x", false);
    }
    check({
        {"one byte too many", frame(kBinary, std::string(1'001, 'x')), "close 1009"},
        {"a terabyte announced", std::string("\x82\xff\0\0\1\0\0\0\0\0kkkk", 14), "close 1009"},
        {"too many in all",
         frame(kBinary, std::string(600, 'x'), false) + frame(kContinuation, std::string(401, 'x')),
         "close 1009"},
        {"too many fragments", fragments, "close 1009"},
    });

    Run run;
    run.give(frame(kBinary, "a", false), 100);
    run.peer.on_tick(run.now.plus(30s));
    BOOST_TEST(!run.peer.is_closing());
    run.peer.on_tick(run.now.plus(31s));
    BOOST_TEST(Run::describe(run.peer.next_control().value()) == "close 1009");
}

BOOST_AUTO_TEST_CASE(F40_ping_flood_closes_1008_and_one_pong_waits) {
    Run run;
    std::string pings;
    for (int i = 0; i < 5; ++i) {
        pings += frame(kPing, std::to_string(i));
    }
    BOOST_TEST(run.give(pings, pings.size()).said == "pong 4");
    run.said.clear();
    run.now = run.now.plus(200ms);  // one more is allowed
    BOOST_TEST(run.give(frame(kPing, "a"), 100).said == "pong a");
    run.said.clear();
    BOOST_TEST(run.give(frame(kPing, "b"), 100).said == "close 1008");
}

BOOST_AUTO_TEST_CASE(handshake_key_is_answered_as_in_the_standard) {
    BOOST_TEST(web_socket_accept("dGhlIHNhbXBsZSBub25jZQ==").value() ==
               "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    BOOST_TEST(!web_socket_accept("dGhlIHNhbXBsZSBub25jZQ="));
    BOOST_TEST(!web_socket_accept("dGhlIHNhbXBsZSBub25j!Q=="));
    BOOST_TEST(!web_socket_accept(""));
}

BOOST_AUTO_TEST_CASE(headers_of_sent_messages_have_minimal_lengths) {
    struct HeaderRow {
        std::size_t payload;
        std::size_t header;
    };
    for (auto const row : {HeaderRow{0, 2}, {125, 2}, {126, 4}, {65'535, 4}, {65'536, 10}}) {
        std::array<std::byte, WebSocketPeer::kHeaderBytesMax> header;
        BOOST_TEST(WebSocketPeer::encode_header(row.payload, header) == row.header);
    }
}

RC_BOOST_PROP(messages_come_out_however_they_are_cut, (std::vector<std::string> const& messages)) {
    std::string bytes;
    std::string expected;
    for (auto const& message : messages) {
        auto const cut = *rc::gen::inRange<std::size_t>(0, message.size() + 1);
        bytes += frame(kBinary, message.substr(0, cut), false) +
                 frame(kContinuation, message.substr(cut));
        expected += "[" + message + "]";
    }
    auto const piece = *rc::gen::inRange<std::size_t>(1, bytes.size() + 2);
    RC_ASSERT(Run().give(bytes, piece).said == expected);
}

BOOST_AUTO_TEST_SUITE_END()
