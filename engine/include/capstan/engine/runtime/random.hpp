#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace capstan {

/// A source of uniform 64-bit values. Its draws end up in journals (lineage, segment secrets) and
/// ids, never in a decision of the fold. Threading: one thread at a time. Twins: SystemRandom,
/// SimRandom.
class Random {
  public:
    virtual ~Random() = default;
    virtual std::uint64_t next() = 0;

    /// Uniform in [0, bound); bound > 0. Own arithmetic, as the standard distributions differ
    /// between libraries.
    std::uint64_t below(std::uint64_t bound);
    void fill(std::span<std::byte> out);
};

}  // namespace capstan
