// Preconditions of tests on their surroundings. A test whose need is not met is skipped, and
// tests/run prints what is missing and what provides it.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <string>

namespace capstan::test {

/// The environment variable `name` has to be set; `remedy` is the command that provides for it.
/// Use: BOOST_AUTO_TEST_CASE(name, *needs_environment("CAPSTAN_DATA", "export CAPSTAN_DATA=..."))
inline boost::unit_test::precondition needs_environment(std::string name, std::string remedy) {
    return boost::unit_test::precondition([=](boost::unit_test::test_unit_id) {
        boost::test_tools::assertion_result met(std::getenv(name.c_str()) != nullptr);
        met.message() << name << " is not set; provide it with: " << remedy;
        return met;
    });
}

}  // namespace capstan::test
