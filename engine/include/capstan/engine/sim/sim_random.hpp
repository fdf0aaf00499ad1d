#pragma once
#include <array>
#include <capstan/engine/runtime/random.hpp>
#include <cstdint>
#include <string_view>

namespace capstan {

/// xoshiro256++ of David Blackman and Sebastiano Vigna
/// (https://prng.di.unimi.it/xoshiro256plusplus.c), seeded by splitmix64.
class SimRandom final : public Random {
  public:
    explicit SimRandom(std::uint64_t seed);
    std::uint64_t next() override;

    /// A stream of its own for one label (`disk/n1`, `workload/client3`). It depends on this one's
    /// seed and the label alone, not on what was drawn: leaving one consumer out changes nothing
    /// for the others.
    SimRandom child(std::string_view label) const;

    /// True in `numerator` of `denominator` draws.
    bool chance(std::uint64_t numerator, std::uint64_t denominator) {
        return below(denominator) < numerator;
    }

  private:
    std::uint64_t seed_;
    std::array<std::uint64_t, 4> state_;
};

}  // namespace capstan
