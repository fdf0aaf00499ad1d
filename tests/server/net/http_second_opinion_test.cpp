// What our reader accepts, Beast's parser reads the same: method, fields, body and where the
// request ends. The other way round it refuses much that Beast lets pass.
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/test/unit_test.hpp>
#include <capstan/server/net/http_reader.hpp>

namespace {

using namespace capstan;
namespace http = boost::beast::http;

struct Opinion {
    std::string method;
    std::vector<HttpField> fields;
    std::string body;
    std::size_t bytes = 0;
    friend bool operator==(Opinion const&, Opinion const&) = default;
};

std::ostream& operator<<(std::ostream& out, Opinion const& opinion) {
    out << opinion.method << ' ' << opinion.bytes << " bytes, body=" << opinion.body;
    for (auto const& field : opinion.fields) {
        out << '\n' << field.name << '=' << field.value;
    }
    return out;
}

std::optional<Opinion> ours(std::string const& bytes) {
    HttpReader reader(HttpLimits{});
    auto const taken = reader.feed(bytes);
    if (reader.state() != HttpReader::State::complete) {
        return std::nullopt;
    }
    auto request = reader.take();
    return Opinion{request.method, std::move(request.fields), std::move(request.body), taken};
}

std::optional<Opinion> beasts(std::string const& bytes) {
    http::request_parser<http::string_body> parser;
    parser.eager(true);
    boost::system::error_code error;
    std::size_t taken = 0;
    while (!parser.is_done()) {
        auto const n =
            parser.put(boost::asio::buffer(bytes.data() + taken, bytes.size() - taken), error);
        taken += n;
        if (error || (n == 0 && !parser.is_done())) {
            return std::nullopt;
        }
    }
    auto const& message = parser.get();
    Opinion opinion{std::string(message.method_string()), {}, message.body(), taken};
    for (auto const& field : message) {
        std::string name(field.name_string());
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
        opinion.fields.push_back({name, std::string(field.value())});
    }
    return opinion;
}

rc::Gen<std::string> piece() {
    return rc::gen::element<std::string>("GET ",
                                         "POST ",
                                         "/x ",
                                         "/a?b=c ",
                                         "HTTP/1.1\r\n",
                                         "HTTP/1.0\r\n",
                                         "Host: a\r\n",
                                         "X: y\r\n",
                                         "Content-Length: 3\r\n",
                                         "Content-Length: 0\r\n",
                                         "Transfer-Encoding: chunked\r\n",
                                         "Connection: close\r\n",
                                         "\r\n",
                                         "abc",
                                         "3\r\nabc\r\n",
                                         "1;e=f\r\nz\r\n",
                                         "0\r\n",
                                         "0\r\n\r\n",
                                         "\n",
                                         " ",
                                         "\t");
}

/// A good request, damaged in a few places.
rc::Gen<std::string> damaged_request() {
    return rc::gen::exec([] {
        auto const base = *rc::gen::element<std::string>(
            "GET /a/b?c=d HTTP/1.1\r\nHost: a\r\nX-Y: z w\r\nAccept: */*\r\n\r\n",
            "POST /x HTTP/1.1\r\nHost: a:1\r\nContent-Length: 5\r\n\r\nhello",
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\nabc\r\n2;e\r\nde\r\n0\r\nT: u\r\n\r\n");
        std::string bytes = base;
        auto const times = *rc::gen::inRange(0, 4);
        for (int i = 0; i < times; ++i) {
            auto const at = *rc::gen::inRange<std::size_t>(0, bytes.size());
            if (*rc::gen::arbitrary<bool>()) {
                bytes[at] = *rc::gen::elementOf(std::string(" \t\r\n:;,0aZ\x7f\x01\"()/"));
            } else {
                bytes.insert(at, *piece());
            }
        }
        return bytes;
    });
}

void agree(std::string const& bytes) {
    if (auto const opinion = ours(bytes)) {
        RC_LOG(bytes);
        auto second = beasts(bytes);
        RC_ASSERT(second.has_value());
        // Beast keeps the fields of a trailer; ours are checked and dropped.
        RC_ASSERT(second->fields.size() >= opinion->fields.size());
        second->fields.resize(opinion->fields.size());
        // Beast writes the reason of its own body reading into these.
        RC_ASSERT(*second == *opinion);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(http_second_opinion)

BOOST_AUTO_TEST_CASE(both_read_plain_requests) {
    for (std::string const bytes : {"GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
                                    "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
                                    "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                                    "chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"}) {
        BOOST_TEST_REQUIRE(ours(bytes).has_value());
        BOOST_TEST_REQUIRE(beasts(bytes).has_value());
        BOOST_TEST(*ours(bytes) == *beasts(bytes));
    }
}

RC_BOOST_PROP(damaged_requests_are_never_read_differently, ()) {
    agree(*damaged_request());
}

RC_BOOST_PROP(heaps_of_pieces_are_never_read_differently, ()) {
    std::string bytes;
    for (auto const& part : *rc::gen::container<std::vector<std::string>>(piece())) {
        bytes += part;
    }
    agree(bytes);
}

BOOST_AUTO_TEST_SUITE_END()
