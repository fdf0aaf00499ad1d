#include <algorithm>
#include <capstan/engine/runtime/random.hpp>
#include <capstan/schema/error.hpp>
#include <cstring>

namespace capstan {

std::uint64_t Random::below(std::uint64_t bound) {
    CAPSTAN_INVARIANT(bound > 0);
    // The lowest 2^64 mod bound values would make small results more likely: draw again.
    std::uint64_t const skipped = (0 - bound) % bound;
    std::uint64_t value = next();
    while (value < skipped) {
        value = next();
    }
    return value % bound;
}

void Random::fill(std::span<std::byte> out) {
    while (!out.empty()) {
        std::uint64_t const value = next();
        auto const bytes = std::min(out.size(), sizeof value);
        std::memcpy(out.data(), &value, bytes);
        out = out.subspan(bytes);
    }
}

}  // namespace capstan
