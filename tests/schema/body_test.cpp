#include <boost/test/unit_test.hpp>
#include <capstan/schema/body.hpp>

namespace capstan {

BOOST_AUTO_TEST_SUITE(body)

struct BodyRow {
    std::string name;
    Body body;
};

BOOST_AUTO_TEST_CASE(a_body_comes_back_as_it_was_given) {
    for (auto const& row : {
             BodyRow{"text", {Body::Kind::text, "grüezi", ""}},
             BodyRow{"empty text", {Body::Kind::text, "", ""}},
             BodyRow{"json, white space and big numbers",
                     {Body::Kind::json, " { \"n\": 18446744073709551615 }", ""}},
             BodyRow{"bytes that are no text", {Body::Kind::bytes, std::string("\0\xff\n", 3), ""}},
             BodyRow{"with a type", {Body::Kind::text, "hi", "Message"}},
         }) {
        BOOST_TEST_CONTEXT(row.name) {
            auto const event = decode_event(encode_event(to_event(row.body)));
            BOOST_TEST_REQUIRE(event.has_value());
            BOOST_TEST((body_of(event.value()) == row.body));
        }
    }
}

struct OtherRow {
    std::string name;
    std::vector<Op> ops;
};

BOOST_AUTO_TEST_CASE(an_event_of_another_layout_is_no_body) {
    Op const text{.object = "body", .field = "text", .value = "hi"};
    Op const type{.object = "body", .field = "type", .value = "Message"};
    for (auto const& row : {
             OtherRow{"nothing", {}},
             OtherRow{"a type alone", {type}},
             OtherRow{"content before type", {text, type}},
             OtherRow{"two contents", {text, text}},
             OtherRow{"three operations", {type, text, text}},
             OtherRow{"another object", {{.object = "note", .field = "text", .value = "hi"}}},
             OtherRow{"another field", {{.object = "body", .field = "title", .value = "hi"}}},
             OtherRow{"text that is a number",
                      {{.object = "body", .field = "text", .value = std::int64_t{1}}}},
             OtherRow{"another operation",
                      {{.kind = OpKind::add, .object = "body", .field = "text", .value = "hi"}}},
         }) {
        BOOST_TEST_CONTEXT(row.name) {
            BOOST_TEST(!body_of(Event{.ops = row.ops}).has_value());
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan
