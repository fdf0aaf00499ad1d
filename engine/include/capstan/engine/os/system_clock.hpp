#pragma once
#include <capstan/engine/runtime/clock.hpp>

namespace capstan {

/// The operating system's clocks.
class SystemClock final : public Clock {
  public:
    Instant now() const override;
    WallTime wall() const override;
};

}  // namespace capstan
