#include "session_script.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(session)

BOOST_DATA_TEST_CASE(stories_give_their_recorded_output,
                     capstan::test::scripts_in("tests/server/scripts/session"),
                     path) {
    capstan::test::SessionScript script;
    capstan::test::run_script(path, [&](auto const& command) { return script.run(command); });
}

BOOST_AUTO_TEST_SUITE_END()
