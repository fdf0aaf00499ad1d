#include <boost/test/unit_test.hpp>

#include "net_bed.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;
using namespace std::chrono_literals;

std::string get(std::string const& path, std::string const& fields = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

std::string upgrade(std::string const& fields = "") {
    return get("/v1/sync",
               "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
                   fields);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(http_protocol)

BOOST_AUTO_TEST_CASE(request_is_answered_and_the_connection_stays) {
    NetBed bed;
    bed.give("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    auto const answer = bed.taken();
    BOOST_TEST(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    BOOST_TEST(answer.find("Content-Length: 2\r\n") != std::string::npos);
    BOOST_TEST(answer.find("Date: ") != std::string::npos);
    BOOST_TEST(answer.ends_with("\r\n\r\nhi"));
    BOOST_TEST((bed.protocol->outlook() == Outlook::open));
    bed.give(get("/echo", "Connection: close\r\n"));
    BOOST_TEST(bed.taken().find("Connection: close\r\n") != std::string::npos);
    BOOST_TEST((bed.protocol->outlook() == Outlook::closing));
}

BOOST_AUTO_TEST_CASE(pipelined_requests_are_answered_in_order) {
    NetBed bed;
    bed.give(get("/wait") + get("/echo"));
    BOOST_TEST(bed.handler.seen.size() == 1U);
    BOOST_TEST(bed.taken() == "");
    bed.handler.waiting->send({204, {}, {}});
    BOOST_TEST(bed.wakes == 1);
    BOOST_TEST(bed.statuses() == "204");
    bed.give("");
    BOOST_TEST(bed.statuses() == "200");
}

BOOST_AUTO_TEST_CASE(refused_request_is_a_problem_document_and_the_end) {
    NetBed bed;
    bed.give("GET /x HTTP/1.1\r\n\r\n" + get("/echo"));
    auto const answer = bed.taken();
    BOOST_TEST(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    BOOST_TEST(answer.find("Content-Type: application/problem+json\r\n") != std::string::npos);
    BOOST_TEST(answer.find("\"name\":\"http_refused\"") != std::string::npos);
    BOOST_TEST(answer.find("\"detail\":\"Host is missing\"") != std::string::npos);
    BOOST_TEST((bed.protocol->outlook() == Outlook::closing));
    BOOST_TEST(bed.handler.seen.empty());  // nothing that came behind it is processed
    BOOST_TEST(bed.services.counters.requests_refused == 1U);
}

BOOST_AUTO_TEST_CASE(head_gets_the_fields_without_the_body) {
    NetBed bed;
    bed.give("HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    BOOST_TEST(bed.taken().ends_with("Content-Length: 0\r\n\r\n"));
}

BOOST_AUTO_TEST_CASE(continue_is_said_before_the_body) {
    NetBed bed;
    bed.give("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    BOOST_TEST(bed.taken() == "HTTP/1.1 100 Continue\r\n\r\n");
    bed.give("hi");
    BOOST_TEST(bed.statuses() == "200");
}

BOOST_AUTO_TEST_CASE(stream_goes_out_in_chunks_until_its_end) {
    NetBed bed;
    bed.handler.pieces = {"one"};
    bed.give(get("/stream"));
    BOOST_TEST(bed.taken().ends_with("Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n"));
    bed.handler.pieces = {"two", std::nullopt};
    bed.handler.waiting->resume();
    BOOST_TEST(bed.wakes == 2);
    BOOST_TEST(bed.taken() == "3\r\ntwo\r\n0\r\n\r\n");
    bed.give(get("/echo"));
    BOOST_TEST(bed.statuses() == "200");
    BOOST_TEST(bed.handler.gone == 0);
}

BOOST_AUTO_TEST_CASE(handler_hears_that_nobody_waits_any_more) {
    NetBed bed;
    bed.give(get("/wait"));
    bed.protocol->on_gone();
    BOOST_TEST(bed.handler.gone == 1);
    bed.handler.waiting->send({200, {}, {}});  // goes nowhere
    NetBed ended;
    ended.give(get("/wait"));
    ended.protocol->on_end();
    BOOST_TEST(ended.handler.gone == 1);
    ended.handler.waiting->send({200, {}, {}});
    BOOST_TEST(ended.statuses() == "200");
    BOOST_TEST((ended.protocol->outlook() == Outlook::closing));
}

BOOST_AUTO_TEST_CASE(F34_slow_header_ends_after_ten_seconds_in_all) {
    NetBed bed;
    for (int i = 0; i < 9; ++i) {
        bed.give("G");  // one byte a second does not buy time
        bed.pass(1s);
    }
    BOOST_TEST((bed.protocol->outlook() == Outlook::open));
    bed.pass(1001ms);
    BOOST_TEST(bed.statuses() == "408");
    BOOST_TEST((bed.protocol->outlook() == Outlook::closing));
    NetBed silent;  // who says nothing at all gets no answer
    silent.pass(10'001ms);
    BOOST_TEST(silent.taken() == "");
    BOOST_TEST((silent.protocol->outlook() == Outlook::closing));
}

BOOST_AUTO_TEST_CASE(F34_slow_body_ends_below_a_kibibyte_a_second) {
    std::string const head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
    NetBed slow;
    slow.give(head);
    slow.pass(5s);
    BOOST_TEST((slow.protocol->outlook() == Outlook::open));  // the grace
    slow.pass(1ms);
    BOOST_TEST(slow.statuses() == "408");
    NetBed steady;
    steady.give(head);
    for (int i = 0; i < 60; ++i) {
        steady.give(std::string(1'100, 'x'));
        steady.pass(1s);
    }
    BOOST_TEST((steady.protocol->outlook() == Outlook::open));
}

BOOST_AUTO_TEST_CASE(kept_connection_without_a_request_ends_after_its_idle_time) {
    NetBed bed;
    bed.give(get("/echo"));
    BOOST_TEST(bed.statuses() == "200");
    bed.pass(59s);
    BOOST_TEST((bed.protocol->outlook() == Outlook::open));
    bed.pass(2s);
    BOOST_TEST((bed.protocol->outlook() == Outlook::closing));
    NetBed waiting;  // but a long poll is nobody's silence
    waiting.give(get("/wait"));
    waiting.pass(3600s);
    BOOST_TEST((waiting.protocol->outlook() == Outlook::open));
}

BOOST_AUTO_TEST_CASE(upgrade_goes_on_as_web_socket) {
    NetBed bed;
    bed.give(upgrade());
    auto const answer = bed.taken();
    BOOST_TEST(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    BOOST_TEST(answer.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") !=
               std::string::npos);
    BOOST_TEST(answer.find("Content-Length") == std::string::npos);
    BOOST_TEST(bed.protocol->name() == "websocket");
}

BOOST_AUTO_TEST_CASE(upgrades_that_are_none_are_refused) {
    struct Row {
        char const* name;
        std::string request;
        char const* status;
    };
    auto const without = [](std::string text, std::string const& line) {
        text.erase(text.find(line), line.size());
        return text;
    };
    Row const rows[] = {
        {"no version", without(upgrade(), "Sec-WebSocket-Version: 13\r\n"), "426"},
        {"no key", without(upgrade(), "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), "400"},
        {"POST", "POST" + upgrade().substr(3), "400"},
        {"to something else", get("/v1/sync", "Connection: Upgrade\r\nUpgrade: h2c\r\n"), "400"},
    };
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            NetBed bed;
            bed.give(row.request);
            BOOST_TEST(bed.statuses() == row.status);
            BOOST_TEST((bed.protocol->outlook() == Outlook::closing));
        }
    }
}

BOOST_AUTO_TEST_CASE(F35_after_the_upgrade_there_are_only_frames) {
    NetBed bed;
    bed.give(upgrade() + get("/echo"));
    BOOST_TEST(bed.protocol->name() == "websocket");
    BOOST_TEST(bed.handler.seen.empty());
    BOOST_TEST(bed.taken().substr(0, 12) == "HTTP/1.1 101");
    BOOST_TEST((bed.protocol->outlook() == Outlook::closing));  // `GE` is no frame
}

BOOST_AUTO_TEST_CASE(F41_foreign_origin_and_cookies_without_one_are_refused_before_the_upgrade) {
    struct Row {
        char const* fields;
        char const* status;
    };
    Row const rows[] = {
        {"Origin: https://evil.example\r\n", "403"},
        {"Origin: https://evil.example\r\nCookie: s=1\r\n", "403"},
        {"Origin: null\r\n", "403"},
        {"Origin: https://a.evil.example\r\n", "403"},
        {"Cookie: s=1\r\n", "403"},
        {"Origin: https://a\r\n", "101"},
        {"Origin: http://a\r\n", "101"},
        {"Origin: https://app.example\r\n", "101"},
        {"", "101"},
    };
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.fields) {
            NetBed bed;
            bed.services.origins = {"https://app.example"};
            bed.give(upgrade(row.fields));
            BOOST_TEST(bed.statuses() == row.status);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
