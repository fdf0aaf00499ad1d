// Random numbers for tests: SplitMix64, the same on every platform and in every build.
#pragma once
#include <cstddef>
#include <cstdint>

namespace capstan::test {

class Dice {
  public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        auto z = state_ += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
    /// 0 .. end − 1. Precondition: end > 0.
    std::uint64_t below(std::uint64_t end) { return next() % end; }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    template <class Range>
    auto& pick(Range& range) {
        return range[static_cast<std::size_t>(below(range.size()))];
    }

  private:
    std::uint64_t state_;
};

}  // namespace capstan::test
