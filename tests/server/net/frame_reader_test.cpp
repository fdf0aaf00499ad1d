#include <boost/test/unit_test.hpp>
#include <capstan/server/net/frame_reader.hpp>

#include "web_socket_frames.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;
using namespace std::chrono_literals;

FrameLimits const kLimits{.message_bytes_max = 1'000, .fragments_max = 4, .controls_max = 5};

struct Row {
    char const* name;
    std::string bytes;
    std::string said;  // `binary:hello ping:? 1002`
};

std::string to_text(Heard const& heard) {
    auto const payload = std::string(as_text(heard.payload));
    switch (heard.kind) {
        case Heard::Kind::binary:
            return "binary:" + payload;
        case Heard::Kind::text:
            return "text:" + payload;
        case Heard::Kind::ping:
            return "ping:" + payload;
        case Heard::Kind::pong:
            return "pong:" + payload;
        case Heard::Kind::close:
            return "close:" + payload;
        case Heard::Kind::violation:
            return std::to_string(static_cast<int>(heard.code));
        default:
            return "";
    }
}

std::string read_in_pieces(std::string const& bytes, std::size_t piece) {
    FrameReader reader(kLimits);
    std::string said;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        auto part = as_bytes(std::string_view(bytes).substr(at, piece));
        for (auto heard = reader.next(part, Instant{}); heard.kind != Heard::Kind::nothing;
             heard = reader.next(part, Instant{})) {
            said += (said.empty() ? "" : " ") + to_text(heard);
            if (heard.kind == Heard::Kind::violation) {
                return said;
            }
        }
    }
    return said;
}

void check(std::vector<Row> const& rows) {
    for (auto const& row : rows) {
        for (std::size_t const piece :
             {std::size_t{1}, std::size_t{3}, std::size_t{11}, row.bytes.size()}) {
            BOOST_TEST_CONTEXT(row.name << ", " << piece << " bytes at a time") {
                BOOST_TEST(read_in_pieces(row.bytes, piece) == row.said);
            }
        }
    }
}

std::string raw(std::initializer_list<int> bytes) {
    std::string out;
    for (int const byte : bytes) {
        out += static_cast<char>(byte);
    }
    return out + std::string(4, '\0');
}

}  // namespace

BOOST_AUTO_TEST_SUITE(frame_reader)

BOOST_AUTO_TEST_CASE(messages_pings_and_closes_come_out_as_they_were_said) {
    std::string const long_text(300, 'x');
    check({
        {"empty", frame(kBinary, ""), "binary:"},
        {"two", frame(kBinary, "a") + frame(kBinary, "b"), "binary:a binary:b"},
        {"16-bit length", frame(kBinary, long_text), "binary:" + long_text},
        {"text", frame(kText, "hello, reader"), "text:hello, reader"},
        {"fragments around a ping",
         frame(kBinary, "he", false) + frame(kPing, "?") + frame(kContinuation, "llo"),
         "ping:? binary:hello"},
        {"empty fragments",
         frame(kText, "", false) + frame(kContinuation, "", false) + frame(kContinuation, ""),
         "text:"},
        {"pong unasked", frame(kPong, "x"), "pong:x"},
        {"close", frame(kClose, "\x03\xe8"), "close:\x03\xe8"},
        {"half a message", frame(kBinary, "hello").substr(0, 8), ""},
    });
}

BOOST_AUTO_TEST_CASE(messages_of_64_bit_length_come_out_whole) {
    FrameReader reader({});
    std::string const large(100'000, 'y');
    auto const bytes = frame(kBinary, large);
    auto input = as_bytes(bytes);
    auto const heard = reader.next(input, Instant{});
    BOOST_TEST((heard.kind == Heard::Kind::binary));
    BOOST_TEST(as_text(heard.payload) == large);
    BOOST_TEST(input.empty());
}

BOOST_AUTO_TEST_CASE(message_that_is_forgotten_leaves_what_has_come_of_the_next_one) {
    FrameReader reader({});
    auto const bytes = frame(kBinary, "one") + frame(kBinary, "two");
    auto input = as_bytes(bytes).first(bytes.size() - 1);
    BOOST_TEST(to_text(reader.next(input, Instant{})) == "binary:one");
    reader.forget();
    BOOST_TEST(to_text(reader.next(input, Instant{})) == "");
    reader.forget();
    input = as_bytes(bytes).last(1);
    BOOST_TEST(to_text(reader.next(input, Instant{})) == "binary:two");
}

BOOST_AUTO_TEST_CASE(F37_frames_that_a_client_may_not_send_are_1002) {
    check({
        {"unmasked", "\x82\x01x", "1002"},
        {"first reserved bit", raw({0xc2, 0x80}), "1002"},
        {"second reserved bit", raw({0xa2, 0x80}), "1002"},
        {"third reserved bit", raw({0x92, 0x80}), "1002"},
        {"opcode 3", frame(3, ""), "1002"},
        {"opcode 11", frame(11, ""), "1002"},
        {"ping of 126 bytes", frame(kPing, std::string(126, 'x')), "1002"},
        {"ping in pieces", frame(kPing, "", false), "1002"},
        {"close in pieces", frame(kClose, "", false), "1002"},
        {"length with high bit", raw({0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0}), "1002"},
        {"16-bit length that is not minimal", raw({0x82, 0xfe, 0, 125}), "1002"},
        {"64-bit length that is not minimal",
         raw({0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff}),
         "1002"},
        {"continuation of nothing", frame(kContinuation, "x"), "1002"},
        {"message within a message", frame(kBinary, "a", false) + frame(kBinary, "b"), "1002"},
    });
}

BOOST_AUTO_TEST_CASE(F39_messages_without_end_are_1009) {
    std::string const largest(1'000, 'x');
    std::string fragments = frame(kBinary, "x", false);
    for (int i = 0; i < 4; ++i) {
        fragments += frame(kContinuation, "x", false);
    }
    check({
        {"as large as allowed", frame(kBinary, largest), "binary:" + largest},
        {"one byte too many", frame(kBinary, std::string(1'001, 'x')), "1009"},
        {"a terabyte announced", raw({0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0}), "1009"},
        {"lengths that wrap around",
         frame(kBinary, "x", false) +
             raw({0x80, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}),
         "1009"},
        {"too many in all",
         frame(kBinary, std::string(600, 'x'), false) + frame(kContinuation, std::string(401, 'x')),
         "1009"},
        {"too many fragments", fragments, "1009"},
    });
}

BOOST_AUTO_TEST_CASE(F40_control_frames_have_a_rate) {
    FrameReader reader(kLimits);
    auto const ping = frame(kPing, "");
    auto const hear_ping = [&](Instant now) {
        auto input = as_bytes(ping);
        return to_text(reader.next(input, now));
    };
    Instant now;
    for (int i = 0; i < 5; ++i) {
        BOOST_TEST(hear_ping(now) == "ping:");
    }
    now = now.plus(1001ms);
    for (int i = 0; i < 5; ++i) {
        BOOST_TEST(hear_ping(now) == "ping:");
    }
    BOOST_TEST(hear_ping(now) == "1002");
}

BOOST_AUTO_TEST_SUITE_END()
