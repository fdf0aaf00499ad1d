#pragma once
#include <array>
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/schema/bytes.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace capstan {

/// Limits of what a client may send over a WebSocket.
struct FrameLimits {
    std::uint64_t message_bytes_max = 1'048'576;
    std::size_t fragments_max = 64;                   // of one message
    Duration message_max = std::chrono::seconds(30);  // from its first byte to its last
    std::size_t controls_max = 20;                    // pings, pongs and closes in any one second
};

/// Reads along with the bytes of a client's frames, before the library that decodes them, and says
/// stop where the library would be too patient: many fragments, floods of control frames, lengths
/// above the limit, unmasked frames, reserved bits and opcodes. Payloads are skipped, not read.
/// Source: RFC 6455, section 5.2.
class FrameGuard {
  public:
    explicit FrameGuard(FrameLimits const& limits) : limits_(limits) {}

    /// The close code of the first violation in these bytes: 1002 (protocol) or 1009 (too large).
    /// After one, nothing more is read.
    std::optional<std::uint16_t> read(ByteView bytes, Instant now);

    /// A message or frame that began has taken too long. Pings between its parts buy no time.
    bool is_late(Instant now) const {
        return is_inside() && now - inside_since_ > limits_.message_max;
    }

  private:
    static constexpr std::size_t kHeaderBytesMax = 14;

    /// Between the first byte of a message or frame and its last.
    bool is_inside() const { return header_have_ > 0 || payload_left_ > 0 || fragments_ > 0; }
    std::size_t header_size() const;
    std::optional<std::uint16_t> on_header(Instant now);
    std::optional<std::uint16_t> on_control(std::uint64_t length, Instant now);
    std::optional<std::uint16_t> on_data(std::uint64_t length, bool continues, bool last);

    FrameLimits limits_;
    std::array<std::byte, kHeaderBytesMax> header_{};
    std::size_t header_have_ = 0;
    std::uint64_t payload_left_ = 0;
    std::uint64_t message_bytes_ = 0;
    std::size_t fragments_ = 0;  // of the message under way; 0 for none
    Instant inside_since_;
    std::size_t controls_ = 0;
    Instant controls_since_;
};

}  // namespace capstan
