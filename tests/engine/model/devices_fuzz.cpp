// Three devices that change the same objects, with random bytes as the schedule.
#include <cstdint>

#include "three_devices.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    capstan::test::play_three_devices({reinterpret_cast<std::byte const*>(data), size});
    return 0;
}
