#include <boost/test/unit_test.hpp>
#include <capstan/schema/error.hpp>
#include <set>
#include <string>

namespace capstan {

BOOST_AUTO_TEST_SUITE(errors)

BOOST_AUTO_TEST_CASE(the_catalogue_names_each_error_once_and_says_what_to_do) {
    std::set<Errc> codes;
    std::set<std::string_view> names;
    for (auto const& entry : error_catalogue()) {
        BOOST_TEST_CONTEXT(entry.name) {
            BOOST_TEST(codes.insert(entry.code).second);
            BOOST_TEST(names.insert(entry.name).second);
            BOOST_TEST(!entry.meaning.empty());
            BOOST_TEST(entry.meaning.back() != '.');
            BOOST_TEST(entry.next.ends_with("."));
            BOOST_TEST(find_error(static_cast<std::uint16_t>(entry.code)) == &entry);
            BOOST_TEST(find_error(entry.name) == &entry);
        }
    }
    BOOST_TEST(find_error(std::uint16_t{1}) == nullptr);
    BOOST_TEST(find_error("no_such_error") == nullptr);
}

BOOST_AUTO_TEST_CASE(an_error_prints_number_name_story_and_next_step) {
    BOOST_TEST(to_string(Error{Errc::position_conflict, "expected head 90, have 119"}) ==
               "CAP-1203 position_conflict: expected head 90, have 119. Read again from the "
               "expected position, or drop "
               "--expect.");
    BOOST_TEST(
        to_string(Error{Errc::not_found, ""})
            .starts_with("CAP-1301 not_found: there is no such stream, event, file or resource. "));
}

BOOST_AUTO_TEST_CASE(a_result_hands_an_error_through) {
    auto const inner = [](bool works) -> Result<int> {
        if (!works) {
            return Error{Errc::trimmed, "below 5"};
        }
        return 7;
    };
    auto const outer = [&](bool works) -> Result<int> {
        CAPSTAN_TRY(auto const value, inner(works));
        return value + 1;
    };
    BOOST_TEST(outer(true).value() == 8);
    BOOST_TEST(outer(false).error().detail == "below 5");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan
