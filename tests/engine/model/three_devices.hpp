// Three devices with pending mutations, a server that sequences or refuses them, and a network that
// delays everything; bytes say what happens next.
#pragma once
#include <capstan/schema/bytes.hpp>
#include <cstddef>

namespace capstan::test {

/// What was seen on the way, so that a test can tell that it saw something.
struct Passed {
    std::size_t accepted = 0;
    std::size_t accepted_ahead = 0;  // of what the device had applied
    std::size_t refused = 0;
    std::size_t rebased = 0;
};

/// Plays the schedule to its end and lets everything arrive. Any bytes are a schedule. Whatever
/// does not hold is a broken invariant: models at one seq have one state hash, nothing confirmed
/// depends on what is pending, a rebase shows the user what was there, and in the end all see the
/// same.
Passed play_three_devices(ByteView schedule);

}  // namespace capstan::test
