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

/// Why a WebSocket ends. Source: RFC 6455, section 7.4.1.
enum class CloseCode : std::uint16_t {
    normal = 1000,
    going_away = 1001,
    protocol_error = 1002,
    unknown_data = 1003,
    bad_payload = 1007,
    policy_error = 1008,
    too_large = 1009,
    try_again_later = 1013,
};

/// Something that a client has said to its end.
struct Heard {
    enum class Kind : std::uint8_t {
        nothing,  // all bytes are taken, and more are needed
        binary,   // a message
        text,     // a message, not looked into
        ping,
        pong,
        close,
        violation,  // the client may not say this; nothing is read behind it
    };
    Kind kind = Kind::nothing;
    ByteView payload;  // valid until the next call of `next` or `forget`
    CloseCode code{};  // of a violation: protocol_error or too_large
};

/// Takes a client's frames apart, unmasks them and joins the fragments of messages. It is strict:
/// many fragments, floods of control frames, lengths above the limit, unmasked frames, reserved
/// bits and opcodes are violations. Between messages it holds no memory but its own, within one
/// what has come of it. Source: RFC 6455, section 5.2.
class FrameReader {
  public:
    explicit FrameReader(FrameLimits const& limits) : limits_(limits) {}

    /// Takes bytes off the front of `input` until something is said to its end.
    Heard next(ByteView& input, Instant now);
    /// What was heard is done with, and `next` may not come for a while.
    void forget();

    /// Nobody read for a while: what is under way gets its whole time again.
    void go_on(Instant now) { inside_since_ = now; }
    /// A message or frame that began has taken too long. Pings between its parts buy no time.
    bool is_late(Instant now) const {
        return is_inside() && now - inside_since_ > limits_.message_max;
    }

  private:
    static constexpr std::size_t kHeaderBytesMax = 14;
    static constexpr std::size_t kMaskBytes = 4;
    static constexpr std::size_t kControlBytesMax = 125;

    /// Between the first byte of a message or frame and its last.
    bool is_inside() const { return header_have_ > 0 || fragments_ > 0; }
    std::size_t header_size() const;
    std::optional<CloseCode> take_header(ByteView& input, Instant now);
    std::optional<CloseCode> on_header(Instant now);
    std::optional<CloseCode> on_control(std::uint64_t length, Instant now);
    std::optional<CloseCode> on_data(std::uint64_t length, bool last);
    void take_payload(ByteView& input);
    Heard on_frame_end();

    FrameLimits limits_;
    // The frame under way.
    std::array<std::byte, kHeaderBytesMax> header_{};
    std::size_t header_have_ = 0;  // 0: there is none
    bool in_payload_ = false;      // its header is whole
    unsigned opcode_ = 0;
    std::uint64_t payload_have_ = 0;
    std::uint64_t payload_left_ = 0;
    std::array<std::byte, kControlBytesMax> control_{};
    // The message under way.
    Bytes message_;
    std::uint64_t message_bytes_ = 0;  // announced until now
    std::size_t fragments_ = 0;        // 0: there is none
    bool is_text_ = false;
    bool is_last_ = false;  // the fragment under way
    bool is_handed_out_ = false;
    Instant inside_since_;
    std::size_t controls_ = 0;
    Instant controls_since_;
};

}  // namespace capstan
