#pragma once
#include <array>
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/limits.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The server's side of WebSocket (RFC 6455), sans-IO. Our own, as Beast 1.81 lets 64-bit lengths
/// with a high bit pass, limits neither fragments nor control frames, and keeps buffers in every
/// idle connection.
namespace capstan {

enum class WebSocketClose : std::uint16_t {
    normal = 1000,
    going_away = 1001,
    protocol_error = 1002,
    unsupported = 1003,
    no_status = 1005,  // never sent
    invalid_data = 1007,
    policy = 1008,
    too_big = 1009,
    internal = 1011,
    try_later = 1013,
};

struct WebSocketLimits {
    std::size_t message_bytes_max = kMessageBytesMax;
    std::size_t fragments_max = 64;                            // of one message
    std::uint64_t control_frames_per_second = 20;              // and as many at once
    Duration message_duration_max = std::chrono::seconds(30);  // from first frame to last
};

/// What one step of reading gave.
struct WebSocketInput {
    enum Kind : std::uint8_t { more, message, closed } kind = more;
    ByteView payload;  // of the message, aligned to 8; valid until the next call
};

/// Memory that all connections of a thread unmask whole frames into.
class WebSocketScratch {
  public:
    explicit WebSocketScratch(std::size_t bytes = kMessageBytesMax) : words_((bytes + 7) / 8) {}
    std::byte* data() { return reinterpret_cast<std::byte*>(words_.data()); }
    std::size_t size() const { return words_.size() * 8; }

  private:
    std::vector<std::uint64_t> words_;
};

/// One connection behind the handshake. Answers pings, closes on what a client may not do:
/// unmasked, reserved bits, unknown opcodes, long or fragmented control frames, lengths that are
/// not minimal or have the high bit (1002), text (1003, 1007 if it is no UTF-8), too many bytes,
/// fragments or seconds in a message (1009), too many control frames (1008).
///
/// Memory: what has arrived of an unfinished message; nothing between messages. At most one pong
/// waits: a newer ping takes the place of an unanswered one, as RFC 6455 allows.
class WebSocketPeer {
  public:
    explicit WebSocketPeer(WebSocketLimits const& limits) : limits_(limits) {}

    /// Takes bytes from the front of `input`, up to the end of one message. After `closed` nothing
    /// more is read; a close frame may wait in `next_control`.
    WebSocketInput receive(ByteView& input, WebSocketScratch& scratch, Instant now);

    /// A whole control frame to send before anything else, or nothing.
    std::optional<std::string> next_control();
    bool wants_write() const { return close_due_ || pong_ || ping_due_; }
    void ping() { ping_due_ = !close_sent_; }
    /// Begins the closing handshake; no message may be sent after. The reason: at most 123 bytes.
    void close(WebSocketClose code, std::string_view reason);

    /// A frame of an unfinished message came too long ago.
    void on_tick(Instant now);

    /// The close frame was sent, or is the next to be.
    bool is_closing() const { return close_sent_ || close_due_; }
    /// Both sides have said close: the connection may end.
    bool is_done() const { return close_sent_ && close_received_; }
    /// What the peer or we ended it with; no_status if nobody said.
    WebSocketClose close_code() const { return close_code_; }
    /// Pongs that came since the last call.
    bool take_pong_seen() { return std::exchange(pong_seen_, false); }

    static constexpr std::size_t kHeaderBytesMax = 10;
    /// Header of one whole unmasked binary message.
    static std::size_t encode_header(std::size_t payload_bytes,
                                     std::array<std::byte, kHeaderBytesMax>& out);

  private:
    struct Frame {
        std::array<std::byte, 4> mask{};
        std::uint64_t bytes = 0;
        std::uint64_t received = 0;
        std::uint8_t opcode = 0;
        bool fin = false;
        bool is_control() const { return opcode >= 8; }
    };

    bool take_header(ByteView& input, Instant now);
    bool read_header(Instant now);
    bool check_data_frame(Instant now);
    bool check_control_frame(Instant now);
    WebSocketInput whole_frame(ByteView& input, WebSocketScratch& scratch);
    WebSocketInput partial_frame(ByteView& input);
    WebSocketInput on_control(ByteView payload);
    WebSocketInput on_message(ByteView payload);
    void on_close_frame(ByteView payload);
    bool fail(WebSocketClose code, std::string_view reason);

    WebSocketLimits const& limits_;
    std::array<std::byte, 14> header_{};
    std::uint8_t header_bytes_ = 0;
    bool in_frame_ = false;
    Frame frame_;
    std::uint8_t message_opcode_ = 0;  // 0: no message has begun
    std::uint32_t fragments_ = 0;
    Instant message_began_;
    Bytes message_;    // unmasked, of an unfinished message
    Bytes delivered_;  // a gathered message, until the next call
    Bytes control_;    // unmasked, of an unfinished control frame
    Instant control_bucket_full_;
    std::optional<std::string> pong_;  // its payload
    std::string close_reason_;
    WebSocketClose close_code_ = WebSocketClose::no_status;
    bool ping_due_ = false;
    bool close_due_ = false;
    bool close_sent_ = false;
    bool close_received_ = false;
    bool failed_ = false;
    bool pong_seen_ = false;
};

/// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`, or nothing if the key is not 16 bytes in
/// base64.
std::optional<std::string> web_socket_accept(std::string_view key);

}  // namespace capstan
