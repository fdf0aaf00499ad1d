#include <algorithm>
#include <capstan/server/net/frame_reader.hpp>
#include <utility>

namespace capstan {
namespace {

constexpr unsigned kFinal = 0x80;
constexpr unsigned kReserved = 0x70;
constexpr unsigned kOpcode = 0x0f;
constexpr unsigned kMasked = 0x80;
constexpr unsigned kLength = 0x7f;

constexpr unsigned kContinuation = 0;
constexpr unsigned kText = 1;
constexpr unsigned kBinary = 2;
constexpr unsigned kClose = 8;
constexpr unsigned kPing = 9;
constexpr unsigned kPong = 10;

unsigned at(ByteView bytes, std::size_t index) {
    return std::to_integer<unsigned>(bytes[index]);
}

/// Eight bytes at a time; `from`: where in the payload these begin.
void unmask(std::span<std::byte> bytes, std::byte const* mask, std::uint64_t from) {
    std::array<std::byte, sizeof(std::uint64_t)> key;
    for (std::size_t i = 0; i < key.size(); ++i) {
        key[i] = mask[(from + i) % 4];
    }
    auto const word = load<std::uint64_t>(key.data());
    std::size_t i = 0;
    for (; i + sizeof word <= bytes.size(); i += sizeof word) {
        store(bytes.data() + i, load<std::uint64_t>(bytes.data() + i) ^ word);
    }
    for (; i < bytes.size(); ++i) {
        bytes[i] ^= key[i % key.size()];
    }
}

}  // namespace

Heard FrameReader::next(ByteView& input, Instant now) {
    forget();
    while (!input.empty()) {
        if (!in_payload_) {
            if (auto const violation = take_header(input, now)) {
                return {.kind = Heard::Kind::violation, .payload = {}, .code = *violation};
            }
        }
        if (in_payload_) {
            take_payload(input);
        }
        if (in_payload_ && payload_left_ == 0) {
            in_payload_ = false;
            if (auto const heard = on_frame_end(); heard.kind != Heard::Kind::nothing) {
                return heard;
            }
        }
    }
    return {};
}

void FrameReader::forget() {
    if (std::exchange(is_handed_out_, false)) {
        message_ = Bytes();  // `{}` would keep the memory
    }
}

std::size_t FrameReader::header_size() const {
    if (header_have_ < 2) {
        return 2;
    }
    auto const length = at(header_, 1) & kLength;
    std::size_t const extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    return 2 + extended + kMaskBytes;
}

std::optional<CloseCode> FrameReader::take_header(ByteView& input, Instant now) {
    while (!input.empty()) {
        if (!is_inside()) {
            inside_since_ = now;
        }
        header_[header_have_++] = input.front();
        input = input.subspan(1);
        if (header_have_ == 2 && (at(header_, 1) & kMasked) == 0) {
            return CloseCode::protocol_error;
        }
        if (header_have_ == header_size() && header_have_ > 2) {
            return on_header(now);
        }
    }
    return std::nullopt;
}

std::optional<CloseCode> FrameReader::on_header(Instant now) {
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
    opcode_ = first & kOpcode;
    bool const known = opcode_ <= kBinary || (opcode_ >= kClose && opcode_ <= kPong);
    if ((first & kReserved) != 0 || !known || !minimal || (length >> 63) != 0) {
        return CloseCode::protocol_error;
    }
    in_payload_ = true;
    payload_have_ = 0;
    payload_left_ = length;
    bool const last = (first & kFinal) != 0;
    if (opcode_ >= kClose) {
        return last ? on_control(length, now) : std::optional(CloseCode::protocol_error);
    }
    return on_data(length, last);
}

std::optional<CloseCode> FrameReader::on_control(std::uint64_t length, Instant now) {
    if (length > kControlBytesMax) {
        return CloseCode::protocol_error;
    }
    if (now - controls_since_ > std::chrono::seconds(1)) {
        controls_since_ = now;
        controls_ = 0;
    }
    return ++controls_ > limits_.controls_max ? std::optional(CloseCode::protocol_error)
                                              : std::nullopt;
}

std::optional<CloseCode> FrameReader::on_data(std::uint64_t length, bool last) {
    bool const continues = opcode_ == kContinuation;
    if (continues != (fragments_ > 0)) {
        return CloseCode::protocol_error;
    }
    if (!continues) {
        is_text_ = opcode_ == kText;
    }
    message_bytes_ = continues ? message_bytes_ + length : length;
    if (++fragments_ > limits_.fragments_max || message_bytes_ > limits_.message_bytes_max) {
        return CloseCode::too_large;
    }
    is_last_ = last;
    return std::nullopt;
}

void FrameReader::take_payload(ByteView& input) {
    auto const bytes =
        static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, input.size()));
    auto const masked = input.first(bytes);
    auto const* const mask = header_.data() + header_have_ - kMaskBytes;
    if (opcode_ >= kClose) {
        std::ranges::copy(masked, control_.begin() + static_cast<std::ptrdiff_t>(payload_have_));
        unmask(std::span(control_).subspan(payload_have_, bytes), mask, payload_have_);
    } else {
        auto const have = message_.size();
        message_.insert(message_.end(), masked.begin(), masked.end());
        unmask(std::span(message_).subspan(have), mask, payload_have_);
    }
    payload_have_ += bytes;
    payload_left_ -= bytes;
    input = input.subspan(bytes);
}

Heard FrameReader::on_frame_end() {
    header_have_ = 0;
    if (opcode_ >= kClose) {
        auto const kind = opcode_ == kClose  ? Heard::Kind::close
                          : opcode_ == kPing ? Heard::Kind::ping
                                             : Heard::Kind::pong;
        return {.kind = kind, .payload = ByteView(control_).first(payload_have_), .code = {}};
    }
    if (!is_last_) {
        return {};
    }
    fragments_ = 0;
    is_handed_out_ = true;
    return {.kind = is_text_ ? Heard::Kind::text : Heard::Kind::binary,
            .payload = message_,
            .code = {}};
}

}  // namespace capstan
