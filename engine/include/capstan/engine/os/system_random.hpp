#pragma once
#include <array>
#include <capstan/engine/runtime/random.hpp>
#include <cstddef>

namespace capstan {

/// The kernel's random numbers, fetched a few dozen at a time. Aborts if the kernel has none.
class SystemRandom final : public Random {
  public:
    std::uint64_t next() override;

  private:
    std::array<std::uint64_t, 32> fetched_{};
    std::size_t left_ = 0;
};

}  // namespace capstan
