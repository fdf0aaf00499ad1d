#pragma once
#include <capstan/schema/error.hpp>
#include <cstdint>

namespace capstan::cli {

/// What `capstan` ends with. The numbers are for ever: scripts test them.
enum class ExitCode : std::uint8_t {
    ok = 0,
    other = 1,
    usage = 2,  // or configuration
    not_found = 3,
    not_allowed = 4,
    conflict = 5,
    unavailable = 6,
    integrity = 7,  // a failure of integrity was found
    partial = 8,    // some of it succeeded
    limit = 9,      // or quota
    interrupted = 130,
    broken_pipe = 141,
};

ExitCode exit_code(Errc code);

}  // namespace capstan::cli
