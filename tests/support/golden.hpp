// Golden bytes: a format's bytes as hex in tests/golden/, compared to the letter. With
// CAPSTAN_RERECORD=1 in the environment the file is written anew; a change of one of them is a
// change of a format.
#pragma once

#include <capstan/schema/bytes.hpp>
#include <string_view>

namespace capstan::test {

/// Checks `bytes` against `tests/golden/<name>.hex`.
void check_golden(std::string_view name, ByteView bytes);

}  // namespace capstan::test
