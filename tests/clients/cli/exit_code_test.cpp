#include <boost/test/unit_test.hpp>
#include <capstan/cli/exit_code.hpp>

#include "command_runner.hpp"

namespace capstan::cli {

BOOST_AUTO_TEST_SUITE(exit_code_table)

struct CodeRow {
    Errc code;
    int number;
};

BOOST_AUTO_TEST_CASE(each_class_of_failure_has_its_number) {
    for (auto const& row : {
             CodeRow{Errc::internal, 1},
             CodeRow{Errc::usage, 2},
             CodeRow{Errc::stream_name_invalid, 2},
             CodeRow{Errc::not_found, 3},
             CodeRow{Errc::denied, 4},
             CodeRow{Errc::position_conflict, 5},
             CodeRow{Errc::unavailable, 6},
             CodeRow{Errc::tls_failed, 6},
             CodeRow{Errc::timed_out, 6},
             CodeRow{Errc::journal_corrupt, 7},
             CodeRow{Errc::too_large, 9},
         }) {
        BOOST_TEST_CONTEXT(describe(row.code).name) {
            BOOST_TEST(static_cast<int>(exit_code(row.code)) == row.number);
        }
    }
}

BOOST_AUTO_TEST_CASE(no_error_ends_in_success) {
    for (auto const& entry : error_catalogue()) {
        BOOST_TEST_CONTEXT(entry.name) {
            auto const number = static_cast<int>(exit_code(entry.code));
            BOOST_TEST((number >= 1 && number <= 9));
        }
    }
}

BOOST_AUTO_TEST_CASE(nobody_reading_the_output_is_141) {
    test::StringSink out;
    out.open = false;
    test::StringSink err;
    test::StringSource in;
    Surroundings surroundings{.out = out,
                              .err = err,
                              .in = in,
                              .environment = [](auto) { return std::nullopt; },
                              .on_interrupt = [](auto const&) {}};
    BOOST_TEST(static_cast<int>(run({"errors"}, surroundings)) == 141);
    BOOST_TEST(err.text.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan::cli
