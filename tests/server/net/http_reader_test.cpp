#include <boost/test/unit_test.hpp>
#include <capstan/server/net/http_reader.hpp>

namespace {

using namespace capstan;

constexpr HttpLimits kLimits{1'024, 10, 64};

/// What became of bytes given in pieces of one size: `GET /x host=a body=…`, a status that refuses,
/// or `more`. What follows the request is shown behind a bar.
std::string read_in_pieces(std::string_view bytes, std::size_t piece) {
    HttpReader reader(kLimits);
    std::size_t at = 0;
    while (at < bytes.size() && reader.state() != HttpReader::State::complete) {
        auto const part = bytes.substr(at, piece);
        auto const taken = reader.feed(part);
        BOOST_TEST_REQUIRE(taken <= part.size());
        at += taken;
        if (reader.state() == HttpReader::State::refused) {
            return std::to_string(reader.refusal().status);
        }
    }
    if (reader.state() != HttpReader::State::complete) {
        return "more";
    }
    auto const request = reader.take();
    auto out = request.method + " " + request.path;
    out += request.query.empty() ? "" : " ?" + request.query;
    out += request.body.empty() ? "" : " body=" + request.body;
    out += request.keep_alive ? "" : " close";
    return out + (at < bytes.size() ? " | " + std::string(bytes.substr(at)) : "");
}

struct Row {
    char const* name;
    std::string bytes;
    char const* expected;
};

void check(std::vector<Row> const& rows) {
    for (auto const& row : rows) {
        for (std::size_t const piece :
             {std::size_t{1}, std::size_t{2}, std::size_t{7}, row.bytes.size()}) {
            BOOST_TEST_CONTEXT(row.name << ", " << piece << " bytes at a time") {
                BOOST_TEST(read_in_pieces(row.bytes, piece) == row.expected);
            }
        }
    }
}

std::string post(std::string const& fields, std::string const& body = "") {
    return "POST /x HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
}
std::string get(std::string const& fields) {
    return "GET /x HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}
std::string chunked(std::string const& body) {
    return post("Transfer-Encoding: chunked\r\n", body);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(http_reader)

BOOST_AUTO_TEST_CASE(requests_are_read_whole) {
    check({
        {"get", get(""), "GET /x"},
        {"query", "GET /a/b?x=1&y=%20 HTTP/1.1\r\nHost: a:80\r\n\r\n", "GET /a/b ?x=1&y=%20"},
        {"escapes", "GET /%7Ba%7d HTTP/1.1\r\nHost: a\r\n\r\n", "GET /{a}"},
        {"length", post("Content-Length: 5\r\n", "hello"), "POST /x body=hello"},
        {"length 0", post("Content-Length: 0\r\n"), "POST /x"},
        {"chunked", chunked("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), "POST /x body=abcde"},
        {"upper hex", chunked("A\r\n0123456789\r\n0\r\n\r\n"), "POST /x body=0123456789"},
        {"chunked in capitals", post("Transfer-Encoding: Chunked\r\n", "0\r\n\r\n"), "POST /x"},
        {"harmless trailer", chunked("1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n"), "POST /x body=x"},
        {"harmless extension", chunked("1;a=b\r\nx\r\n0\r\n\r\n"), "POST /x body=x"},
        {"close", get("Connection: close\r\n"), "GET /x close"},
        {"one of several", get("Connection: TE, Close\r\n"), "GET /x close"},
        {"1.0", "GET /x HTTP/1.0\r\n\r\n", "GET /x close"},
        {"1.0 kept", "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET /x"},
        {"empty line before", "\r\n" + get(""), "GET /x"},
        {"absolute form", "GET http://A/x?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x ?q"},
        {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS *"},
        {"bytes above ASCII in a value", get("X: \xc3\xa9\r\n"), "GET /x"},
        {"tab in a value", get("X: a\tb \t\r\n"), "GET /x"},
        {"no more than a head yet", "GET /x HTTP/1.1\r\nHost: a\r\n", "more"},
        {"no more than a body's start", post("Content-Length: 5\r\n", "hell"), "more"},
    });
}

BOOST_AUTO_TEST_CASE(pipelined_requests_are_taken_one_by_one) {
    HttpReader reader(kLimits);
    auto const both = post("Content-Length: 2\r\n", "hi") + get("");
    auto const first = reader.feed(both);
    BOOST_TEST(both.substr(first) == get(""));
    BOOST_TEST(reader.take().body == "hi");
    reader.feed(std::string_view(both).substr(first));
    BOOST_TEST((reader.state() == HttpReader::State::complete));
    BOOST_TEST(reader.take().body.empty());
    BOOST_TEST(reader.idle());
}

BOOST_AUTO_TEST_CASE(F31_content_length_and_transfer_encoding_conflicts_are_refused) {
    check({
        {"CL then TE",
         post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
         "400"},
        {"TE then CL",
         post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"),
         "400"},
        {"TE gzip", post("Transfer-Encoding: gzip\r\n"), "400"},
        {"TE chunked, x", post("Transfer-Encoding: chunked, x\r\n"), "400"},
        {"TE gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n"), "400"},
        {"TE twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "400"},
        {"TE empty", post("Transfer-Encoding:\r\n"), "400"},
        {"TE xchunked", post("Transfer-Encoding: xchunked\r\n"), "400"},
        {"TE with a tab inside", post("Transfer-Encoding: chun\tked\r\n"), "400"},
        {"two CL", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), "400"},
        {"CL list", post("Content-Length: 3, 3\r\n", "abc"), "400"},
        {"CL negative", post("Content-Length: -1\r\n"), "400"},
        {"CL with plus", post("Content-Length: +3\r\n"), "400"},
        {"CL hexadecimal", post("Content-Length: 0x3\r\n"), "400"},
        {"CL empty", post("Content-Length:\r\n"), "400"},
        {"CL beyond 64 bits", post("Content-Length: 99999999999999999999\r\n"), "400"},
        {"CL beyond the limit", post("Content-Length: 65\r\n"), "413"},
    });
}

BOOST_AUTO_TEST_CASE(F32_lines_that_two_readers_could_read_differently_are_refused) {
    using namespace std::string_literals;
    check({
        {"chunked in 1.0", "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
        {"folded line", get("X: a\r\n b\r\n"), "400"},
        {"folded first line", "GET /x HTTP/1.1\r\n Host: a\r\n\r\n", "400"},
        {"space before the colon", get("X : a\r\n"), "400"},
        {"tab before the colon", get("X\t: a\r\n"), "400"},
        {"empty name", get(": a\r\n"), "400"},
        {"no colon", get("X\r\n"), "400"},
        {"name with a parenthesis", get("X(: a\r\n"), "400"},
        {"bare LF ends the head", "GET /x HTTP/1.1\nHost: a\n\n", "400"},
        {"bare LF in a value", get("X: a\nY: b\r\n"), "400"},
        {"bare CR in a value", get("X: a\rY: b\r\n"), "400"},
        {"NUL in a value", "GET /x HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"s, "400"},
        {"NUL in a name", "GET /x HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"s, "400"},
        {"DEL in a value", get("X: a\x7f\r\n"), "400"},
        {"control in the path", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
        {"encoded control in the path", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
        {"half an escape", "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
        {"no escape", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
        {"fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
        {"two spaces", "GET  /x HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
        {"no version", "GET /x\r\nHost: a\r\n\r\n", "400"},
        {"other protocol", "GET /x HTCPCP/1.0\r\nHost: a\r\n\r\n", "400"},
        {"version 2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
        {"version 1.2", "GET /x HTTP/1.2\r\nHost: a\r\n\r\n", "505"},
        {"method is no token", "G(T /x HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
        {"TLS on a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00"s, "400"},
        {"LF before a request", "\n" + get(""), "400"},
        {"CR before a request", "\r" + get(""), "400"},
    });
}

BOOST_AUTO_TEST_CASE(F33_trailers_extensions_and_floods_are_refused) {
    std::string many;
    for (int i = 0; i < 11; ++i) {
        many += "X: a\r\n";
    }
    std::string const long_value(1'100, 'a');
    std::string chunks_with_extensions;
    for (int i = 0; i < 40; ++i) {
        chunks_with_extensions += "1;abcdefgh\r\nx\r\n";
    }
    check({
        {"CL in the trailer", chunked("0\r\nContent-Length: 3\r\n\r\n"), "400"},
        {"TE in the trailer", chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n"), "400"},
        {"Host in the trailer", chunked("0\r\nhost: b\r\n\r\n"), "400"},
        {"Authorization in the trailer", chunked("0\r\nAuthorization: x\r\n\r\n"), "400"},
        {"Cookie in the trailer", chunked("0\r\nCookie: x\r\n\r\n"), "400"},
        {"folded trailer", chunked("0\r\nX: a\r\n b\r\n\r\n"), "400"},
        {"endless extension", chunked("1;" + long_value), "400"},
        {"extensions of many chunks", chunked(chunks_with_extensions), "400"},
        {"extension in quotes", chunked("1;a=\"b\"\r\nx\r\n0\r\n\r\n"), "400"},
        {"extension with bare LF", chunked("1;a\nx\r\n0\r\n\r\n"), "400"},
        {"size with spaces", chunked("1 \r\nx\r\n0\r\n\r\n"), "400"},
        {"size with prefix", chunked("0x1\r\nx\r\n0\r\n\r\n"), "400"},
        {"empty size", chunked("\r\n"), "400"},
        {"size beyond 32 bits", chunked("100000000\r\n"), "400"},
        {"chunk without its end", chunked("1\r\nxy\r\n0\r\n\r\n"), "400"},
        {"chunk ended by LF", chunked("1\r\nx\n0\r\n\r\n"), "400"},
        {"chunks beyond the body's limit",
         chunked("40\r\n" + std::string(64, 'x') + "\r\n1\r\n"),
         "413"},
        {"too many fields", get(many), "431"},
        {"too many trailer fields", chunked("0\r\n" + many + "\r\n"), "431"},
        {"head too large", get("X: " + long_value + "\r\n"), "431"},
        {"head without an end", "GET /" + long_value, "431"},
        {"trailer without an end", chunked("0\r\nX: " + long_value), "431"},
    });
}

BOOST_AUTO_TEST_CASE(F35_upgrade_with_a_body_is_refused) {
    auto const upgrade = std::string("Connection: upgrade\r\nUpgrade: websocket\r\n");
    check({
        {"with length", get(upgrade + "Content-Length: 1\r\n"), "400"},
        {"chunked", get(upgrade + "Transfer-Encoding: chunked\r\n"), "400"},
        {"without", get(upgrade), "GET /x"},
    });
}

BOOST_AUTO_TEST_CASE(F36_host_is_there_once_and_is_the_authority) {
    auto const request = [](std::string const& line, std::string const& fields) {
        return line + " HTTP/1.1\r\n" + fields + "\r\n";
    };
    check({
        {"missing", request("GET /x", ""), "400"},
        {"twice", request("GET /x", "Host: a\r\nHost: a\r\n"), "400"},
        {"twice in 1.0", "GET /x HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
        {"with a path", request("GET /x", "Host: a/b\r\n"), "400"},
        {"with a space", request("GET /x", "Host: a b\r\n"), "400"},
        {"with a user", request("GET /x", "Host: u@a\r\n"), "400"},
        {"not the authority", request("GET http://b/x", "Host: a\r\n"), "400"},
        {"another port", request("GET http://a:80/x", "Host: a\r\n"), "400"},
        {"authority with a user", request("GET http://u@a/x", "Host: a\r\n"), "400"},
        {"another scheme", request("GET ftp://a/x", "Host: a\r\n"), "400"},
        {"authority form", request("CONNECT a:80", "Host: a\r\n"), "400"},
        {"path without slash", request("GET x", "Host: a\r\n"), "400"},
        {"IPv6", request("GET /x", "Host: [::1]:80\r\n"), "GET /x"},
    });
}

BOOST_AUTO_TEST_CASE(expectations_other_than_continue_fail) {
    check({
        {"other", get("Expect: rain\r\n"), "417"},
        {"twice", get("Expect: 100-continue\r\nExpect: 100-continue\r\n"), "400"},
    });
    HttpReader reader(kLimits);
    reader.feed(post("Expect: 100-Continue\r\nContent-Length: 2\r\n"));
    BOOST_TEST(reader.wants_continue());
    BOOST_TEST(!reader.wants_continue());
    reader.feed("ok");
    BOOST_TEST(reader.take().body == "ok");
}

BOOST_AUTO_TEST_CASE(parameters_are_decoded_and_the_first_counts) {
    HttpRequest request;
    request.query = "from=1&from=2&a%2fb=c+d%20e&empty&bad=%4";
    BOOST_TEST(request.parameter("from").value() == "1");
    BOOST_TEST(request.parameter("a/b").value() == "c+d e");
    BOOST_TEST(request.parameter("empty").value() == "");
    BOOST_TEST(!request.parameter("bad"));
    BOOST_TEST(!request.parameter("to"));
}

RC_BOOST_PROP(percent_encoding_is_undone, (std::string const& text)) {
    RC_ASSERT(percent_decoded(percent_encoded(text)) == text);
}

BOOST_AUTO_TEST_SUITE_END()
