#include <capstan/engine/os/system_clock.hpp>

namespace capstan {

Instant SystemClock::now() const {
    auto const now = std::chrono::steady_clock::now().time_since_epoch();
    return Instant{std::chrono::duration_cast<Duration>(now)};
}

WallTime SystemClock::wall() const {
    auto const now = std::chrono::system_clock::now().time_since_epoch();
    return WallTime{std::chrono::duration_cast<std::chrono::microseconds>(now).count()};
}

}  // namespace capstan
