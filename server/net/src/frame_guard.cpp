#include <algorithm>
#include <capstan/server/net/frame_guard.hpp>

namespace capstan {
namespace {

constexpr std::uint16_t kProtocolError = 1002;
constexpr std::uint16_t kTooLarge = 1009;

constexpr unsigned kFinal = 0x80;
constexpr unsigned kReserved = 0x70;
constexpr unsigned kOpcode = 0x0f;
constexpr unsigned kMasked = 0x80;
constexpr unsigned kLength = 0x7f;

constexpr unsigned kContinuation = 0;
constexpr unsigned kBinary = 2;
constexpr unsigned kClose = 8;
constexpr unsigned kPong = 10;
constexpr std::uint64_t kControlBytesMax = 125;

unsigned at(ByteView bytes, std::size_t index) {
    return std::to_integer<unsigned>(bytes[index]);
}

}  // namespace

std::size_t FrameGuard::header_size() const {
    if (header_have_ < 2) {
        return 2;
    }
    auto const length = at(header_, 1) & kLength;
    std::size_t const extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    return 2 + extended + 4;  // and the mask
}

std::optional<std::uint16_t> FrameGuard::read(ByteView bytes, Instant now) {
    while (!bytes.empty()) {
        if (payload_left_ > 0) {
            auto const skipped = std::min<std::uint64_t>(payload_left_, bytes.size());
            payload_left_ -= skipped;
            bytes = bytes.subspan(skipped);
            continue;
        }
        if (!is_inside()) {
            inside_since_ = now;
        }
        header_[header_have_++] = bytes.front();
        bytes = bytes.subspan(1);
        if (header_have_ == 2 && (at(header_, 1) & kMasked) == 0) {
            return kProtocolError;
        }
        if (header_have_ == header_size() && header_have_ > 2) {
            if (auto const violation = on_header(now)) {
                return violation;
            }
            header_have_ = 0;
        }
    }
    return std::nullopt;
}

std::optional<std::uint16_t> FrameGuard::on_header(Instant now) {
    auto const first = at(header_, 0);
    auto const encoding = at(header_, 1) & kLength;
    std::uint64_t length = encoding;
    if (encoding >= 126) {
        std::size_t const digits = encoding == 126 ? 2 : 8;
        length = 0;
        for (std::size_t i = 0; i < digits; ++i) {
            length = length << 8 | at(header_, 2 + i);
        }
    }
    // RFC 6455, section 5.2: the fewest bytes that hold the length.
    bool const minimal = (encoding != 126 || length >= 126) && (encoding != 127 || length > 0xffff);
    payload_left_ = length;
    auto const opcode = first & kOpcode;
    bool const known = opcode <= kBinary || (opcode >= kClose && opcode <= kPong);
    if ((first & kReserved) != 0 || !known || !minimal || (length >> 63) != 0) {
        return kProtocolError;
    }
    bool const last = (first & kFinal) != 0;
    if (opcode >= kClose) {
        return last ? on_control(length, now) : std::optional(kProtocolError);
    }
    return on_data(length, opcode == kContinuation, last);
}

std::optional<std::uint16_t> FrameGuard::on_control(std::uint64_t length, Instant now) {
    if (length > kControlBytesMax) {
        return kProtocolError;
    }
    if (now - controls_since_ > std::chrono::seconds(1)) {
        controls_since_ = now;
        controls_ = 0;
    }
    return ++controls_ > limits_.controls_max ? std::optional(kProtocolError) : std::nullopt;
}

std::optional<std::uint16_t> FrameGuard::on_data(std::uint64_t length, bool continues, bool last) {
    if (continues != (fragments_ > 0)) {
        return kProtocolError;
    }
    message_bytes_ = continues ? message_bytes_ + length : length;
    if (++fragments_ > limits_.fragments_max || message_bytes_ > limits_.message_bytes_max) {
        return kTooLarge;
    }
    if (last) {
        fragments_ = 0;
    }
    return std::nullopt;
}

}  // namespace capstan
