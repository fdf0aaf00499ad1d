#include "needs.hpp"

BOOST_AUTO_TEST_SUITE(needs)

BOOST_AUTO_TEST_CASE(met_need_lets_the_test_run, *capstan::test::needs_environment("PATH", "")) {
    BOOST_TEST(std::getenv("PATH") != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
