#include <boost/test/unit_test.hpp>
#include <capstan/server/net/head_guard.hpp>

namespace {

using namespace capstan;
using namespace std::string_literals;

struct Row {
    char const* name;
    std::string head;
    unsigned status = 400;  // 0: let in
};

void check(std::vector<Row> const& rows) {
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            auto const refusal = check_request_head(row.head);
            BOOST_TEST((refusal ? refusal->status : 0) == row.status);
            BOOST_TEST((!refusal || !refusal->why.empty()));
        }
    }
}

std::string post(std::string const& fields) {
    return "POST /x HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}
std::string get(std::string const& fields) {
    return "GET /x HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(head_guard)

BOOST_AUTO_TEST_CASE(plain_requests_are_let_in) {
    check({
        {"get", get(""), 0},
        {"query", "GET /a/b?x=1&y=%20 HTTP/1.1\r\nHost: a:80\r\n\r\n", 0},
        {"length", post("Content-Length: 5\r\n"), 0},
        {"1.0 without Host", "GET /x HTTP/1.0\r\n\r\n", 0},
        {"absolute form", "GET http://A/x?q HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        {"bytes above ASCII in a value", get("X: \xc3\xa9\r\n"), 0},
        {"tab in a value", get("X: a\tb \t\r\n"), 0},
        {"upgrade", get("Connection: upgrade\r\nUpgrade: websocket\r\n"), 0},
    });
}

BOOST_AUTO_TEST_CASE(head_ends_behind_its_empty_line) {
    auto const text = get("X: y\r\n");
    for (std::size_t n = 0; n < text.size(); ++n) {
        BOOST_TEST(!find_head_end(std::string_view(text).substr(0, n)));
    }
    BOOST_TEST(find_head_end(text + "body").value() == text.size());
}

BOOST_AUTO_TEST_CASE(F31_content_length_and_transfer_encoding_conflicts_are_refused) {
    check({
        {"CL then TE", post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")},
        {"TE then CL", post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")},
        {"TE in capitals beside CL", post("TRANSFER-ENCODING: chunked\r\ncontent-length: 3\r\n")},
        {"TE chunked alone: bodies have a length here",
         post("Transfer-Encoding: chunked\r\n"),
         411},
        {"TE gzip", post("Transfer-Encoding: gzip\r\n"), 411},
        {"TE chunked, x", post("Transfer-Encoding: chunked, x\r\n"), 411},
        {"TE twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"), 411},
        {"two CL", post("Content-Length: 3\r\nContent-Length: 3\r\n")},
        {"CL list", post("Content-Length: 3, 3\r\n")},
        {"CL negative", post("Content-Length: -1\r\n")},
        {"CL with plus", post("Content-Length: +3\r\n")},
        {"CL hexadecimal", post("Content-Length: 0x3\r\n")},
        {"CL empty", post("Content-Length:\r\n")},
        {"CL beyond 64 bits", post("Content-Length: 99999999999999999999\r\n")},
    });
}

BOOST_AUTO_TEST_CASE(F32_lines_that_two_readers_could_read_differently_are_refused) {
    check({
        {"chunked in 1.0", "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"folded line", get("X: a\r\n b\r\n")},
        {"line folded with a tab", get("X: a\r\n\tb\r\n")},
        {"folded first line", "GET /x HTTP/1.1\r\n Host: a\r\n\r\n"},
        {"space before the colon", get("X : a\r\n")},
        {"tab before the colon", get("X\t: a\r\n")},
        {"empty name", get(": a\r\n")},
        {"no colon", get("X\r\n")},
        {"name with a parenthesis", get("X(: a\r\n")},
        {"bare LF ends lines", "GET /x HTTP/1.1\nHost: a\n\r\n\r\n"},
        {"bare LF in a value", get("X: a\nY: b\r\n")},
        {"bare CR in a value", get("X: a\rY: b\r\n")},
        {"NUL in a value", "GET /x HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"s},
        {"NUL in a name", "GET /x HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"s},
        {"NUL in Host", "GET /x HTTP/1.1\r\nHost: a\0b\r\n\r\n"s},
        {"DEL in a value", get("X: a\x7f\r\n")},
        {"control in the path", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"},
        {"bytes above ASCII in the path", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"},
        {"two spaces", "GET  /x HTTP/1.1\r\nHost: a\r\n\r\n"},
        {"tab for a space", "GET\t/x HTTP/1.1\r\nHost: a\r\n\r\n"},
        {"no version", "GET /x\r\nHost: a\r\n\r\n"},
        {"other protocol", "GET /x HTCPCP/1.0\r\nHost: a\r\n\r\n"},
        {"version 2", "PRI * HTTP/2.0\r\n\r\n"},
        {"version 2 of a path", "GET /x HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"version 1.2", "GET /x HTTP/1.2\r\nHost: a\r\n\r\n", 505},
        {"method is no token", "G(T /x HTTP/1.1\r\nHost: a\r\n\r\n"},
        {"empty line first", "\r\n" + get("")},
        {"nothing but an end", "\r\n\r\n"},
    });
}

BOOST_AUTO_TEST_CASE(F33_header_floods_are_refused) {
    auto const fields = [](std::size_t count) {
        std::string many;
        for (std::size_t i = 1; i < count; ++i) {  // Host is one of them
            many += "X: a\r\n";
        }
        return many;
    };
    check({
        {"as many fields as allowed", get(fields(kHttpFieldsMax)), 0},
        {"one more", get(fields(kHttpFieldsMax + 1)), 431},
        {"a head above the limit", get("X: " + std::string(kHttpHeadBytesMax, 'a') + "\r\n"), 431},
    });
}

BOOST_AUTO_TEST_CASE(F35_upgrade_with_a_body_is_refused) {
    auto const upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\n"s;
    check({
        {"with length", get(upgrade + "Content-Length: 1\r\n")},
        {"with length before", get("Content-Length: 10\r\n" + upgrade)},
        {"of no length", get(upgrade + "Content-Length: 0\r\n"), 0},
        {"chunked", get(upgrade + "Transfer-Encoding: chunked\r\n"), 411},
    });
}

BOOST_AUTO_TEST_CASE(F36_host_is_there_once_and_is_the_authority) {
    auto const request = [](std::string const& line, std::string const& fields) {
        return line + " HTTP/1.1\r\n" + fields + "\r\n";
    };
    check({
        {"missing", request("GET /x", "")},
        {"empty", request("GET /x", "Host:\r\n")},
        {"twice", request("GET /x", "Host: a\r\nHost: a\r\n")},
        {"twice in 1.0", "GET /x HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"},
        {"with a path", request("GET /x", "Host: a/b\r\n")},
        {"with a space", request("GET /x", "Host: a b\r\n")},
        {"with a user", request("GET /x", "Host: u@a\r\n")},
        {"not the authority", request("GET http://b/x", "Host: a\r\n")},
        {"another port", request("GET http://a:80/x", "Host: a\r\n")},
        {"authority with a user", request("GET http://u@a/x", "Host: u@a\r\n")},
        {"authority before a query", request("GET http://b?/x", "Host: a\r\n")},
        {"authority that agrees, before a query", request("GET http://a?x", "Host: a\r\n"), 0},
        {"another scheme", request("GET ftp://a/x", "Host: a\r\n")},
        {"authority form", request("CONNECT a:80", "Host: a\r\n")},
        {"path without slash", request("GET x", "Host: a\r\n")},
        {"IPv6", request("GET /x", "Host: [::1]:80\r\n"), 0},
    });
}

BOOST_AUTO_TEST_SUITE_END()
