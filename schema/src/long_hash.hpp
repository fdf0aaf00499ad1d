#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/ids.hpp>
#include <cstddef>
#include <cstdint>

namespace capstan {

/// Longer input is hashed by XXH3's loop over vectors; shorter ways fit into the caller.
inline constexpr std::size_t kShortHashBytesMax = 240;

/// The same hashes, with the widest vectors that the processor has.
std::uint64_t long_hash64(ByteView bytes);
Hash128 long_hash128(ByteView bytes);

}  // namespace capstan
