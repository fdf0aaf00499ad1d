#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <capstan/schema/ids.hpp>
#include <string>

namespace capstan {

BOOST_AUTO_TEST_SUITE(ids)

struct NameRow {
    std::string text;
    bool valid;
};

BOOST_AUTO_TEST_CASE(stream_names_are_parts_of_plain_characters) {
    for (auto const& row : {
             NameRow{"acme/room/42", true},
             NameRow{"a", true},
             NameRow{"A-Z_~:@+={x}/.hidden/..3", true},
             NameRow{std::string(255, 'n'), true},
             NameRow{std::string(256, 'n'), false},
             NameRow{"", false},
             NameRow{"/acme", false},
             NameRow{"acme/", false},
             NameRow{"acme//room", false},
             NameRow{"acme/./room", false},
             NameRow{"acme/../room", false},
             NameRow{"..", false},
             NameRow{"acme room", false},
             NameRow{"acme/räum", false},
             NameRow{std::string("a\0b", 3), false},
             NameRow{"a*", false},
             NameRow{"a>b", false},
             NameRow{"a%2fb", false},
         }) {
        BOOST_TEST_CONTEXT(row.text) {
            auto const name = StreamName::parse(row.text);
            BOOST_TEST(name.has_value() == row.valid);
            if (!row.valid) {
                BOOST_TEST((name.error().code == Errc::stream_name_invalid));
            }
        }
    }
    BOOST_TEST(StreamName::parse("acme/room/42").value().tenant() == "acme");
    BOOST_TEST(StreamName::parse("solo").value().tenant() == "solo");
}

struct PatternRow {
    std::string pattern;
    std::string name;
    bool matches;
};

BOOST_AUTO_TEST_CASE(a_pattern_matches_parts_and_a_rest) {
    for (auto const& row : {
             PatternRow{"acme/room/42", "acme/room/42", true},
             PatternRow{"acme/room/42", "acme/room/4", false},
             PatternRow{"acme/*/42", "acme/room/42", true},
             PatternRow{"acme/*", "acme/room/42", false},
             PatternRow{"acme/*/42", "acme/42", false},
             PatternRow{"acme/>", "acme/room/42", true},
             PatternRow{"acme/>", "acme", false},
             PatternRow{"acme/>", "other/room", false},
             PatternRow{">", "acme/room", true},
             PatternRow{"*", "acme", true},
             PatternRow{"*", "acme/room", false},
         }) {
        BOOST_TEST_CONTEXT(row.pattern << " on " << row.name) {
            BOOST_TEST(StreamPattern::parse(row.pattern).value().matches(row.name) == row.matches);
        }
    }
    for (auto const* bad : {"", "a/>/b", "a*", "a//b", ">/a", "a/"}) {
        BOOST_TEST_CONTEXT(bad) {
            BOOST_TEST(!StreamPattern::parse(bad));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_device_id_reads_back_what_it_prints) {
    auto const hex = std::string("00112233445566778899aabbccddeeff");
    BOOST_TEST(to_string(parse_device(hex).value()) == hex);
    for (auto const* bad : {"",
                            "0011",
                            "00112233445566778899aabbccddeefg",
                            "00112233445566778899AABBCCDDEEFF",
                            "00000000000000000000000000000000"}) {
        BOOST_TEST_CONTEXT(bad) {
            BOOST_TEST((parse_device(bad).error().code == Errc::device_invalid));
        }
    }
}

BOOST_AUTO_TEST_CASE(an_attempt_is_ordered_by_its_ordinal_first) {
    BOOST_TEST((Attempt::of(1, 0xffffffff) < Attempt::of(2, 0)));
    BOOST_TEST(Attempt::of(7, 9).ordinal() == 7u);
}

BOOST_AUTO_TEST_CASE(ids_print_in_fixed_forms) {
    BOOST_TEST(to_string(Generation{0xab}) == "00000000000000ab");
    BOOST_TEST(to_string(Link{Counter{8}, Attempt{3}}) == "8@3");
    BOOST_TEST(to_string(Hash128{1, 2}) == "00000000000000020000000000000001");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan
