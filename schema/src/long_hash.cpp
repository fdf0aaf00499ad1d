#include "long_hash.hpp"

#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>  // the library asks the processor once
#else
#define XXH_INLINE_ALL
#include <xxhash.h>
#endif

#include <array>

namespace capstan {
namespace {

/// The library asks with the first call: here that is before there are threads.
bool ask_processor() {
    std::array<std::byte, kShortHashBytesMax + 1> const bytes{};
    return long_hash64(bytes) == long_hash128(bytes).low;
}
[[maybe_unused]] bool const kIsAsked = ask_processor();

}  // namespace

std::uint64_t long_hash64(ByteView bytes) {
    return XXH3_64bits(bytes.data(), bytes.size());
}

Hash128 long_hash128(ByteView bytes) {
    auto const hash = XXH3_128bits(bytes.data(), bytes.size());
    return {hash.low64, hash.high64};
}

}  // namespace capstan
