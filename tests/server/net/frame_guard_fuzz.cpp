#include <capstan/schema/error.hpp>
#include <capstan/server/net/frame_guard.hpp>
#include <cstdint>

/// Bytes in one piece and one by one are judged alike.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace capstan;
    ByteView const bytes(reinterpret_cast<std::byte const*>(data), size);
    FrameLimits const limits{.message_bytes_max = 4'096, .fragments_max = 8, .controls_max = 20};
    FrameGuard whole(limits);
    auto const expected = whole.read(bytes, Instant{});
    FrameGuard piecewise(limits);
    std::optional<std::uint16_t> found;
    for (std::size_t at = 0; at < size && !found; ++at) {
        found = piecewise.read(bytes.subspan(at, 1), Instant{});
    }
    CAPSTAN_INVARIANT(found == expected);
    return 0;
}
