#include <openssl/evp.h>

#include <algorithm>
#include <capstan/schema/event.hpp>
#include <capstan/server/net/web_socket.hpp>
#include <cstring>
#include <utility>

namespace capstan {
namespace {

constexpr std::uint8_t kContinuation = 0;
constexpr std::uint8_t kText = 1;
constexpr std::uint8_t kBinary = 2;
constexpr std::uint8_t kClose = 8;
constexpr std::uint8_t kPing = 9;
constexpr std::uint8_t kPong = 10;
constexpr std::uint8_t kFin = 0x80;
constexpr std::uint8_t kMasked = 0x80;
constexpr std::size_t kControlBytesMax = 125;

std::uint8_t as_u8(std::byte byte) {
    return static_cast<std::uint8_t>(byte);
}

std::uint64_t big_endian(std::byte const* at, std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
        value = value << 8 | as_u8(at[i]);
    }
    return value;
}

/// Copies and unmasks; `phase` is how much of the frame came before. Eight bytes at a time.
void unmask(ByteView from,
            std::array<std::byte, 4> const& mask,
            std::uint64_t phase,
            std::byte* to) {
    std::array<std::byte, 8> key;
    for (std::size_t i = 0; i < key.size(); ++i) {
        key[i] = mask[(phase + i) % 4];
    }
    auto const word = load<std::uint64_t>(key.data());
    std::size_t i = 0;
    for (; i + 8 <= from.size(); i += 8) {
        store(to + i, load<std::uint64_t>(from.data() + i) ^ word);
    }
    for (; i < from.size(); ++i) {
        to[i] = from[i] ^ key[i % 8];
    }
}

std::string control_frame(std::uint8_t opcode, std::string_view payload) {
    std::string frame{static_cast<char>(kFin | opcode), static_cast<char>(payload.size())};
    return frame.append(payload);
}

/// Codes that a peer may send (RFC 6455, 7.4.1 and 7.4.2, and the registry).
bool is_close_code(std::uint64_t code) {
    bool const standard =
        code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
    return standard || (code >= 3000 && code <= 4999);
}

}  // namespace

WebSocketInput WebSocketPeer::receive(ByteView& input, WebSocketScratch& scratch, Instant now) {
    delivered_ = {};
    while (!failed_ && !close_received_) {
        if (!in_frame_ && !take_header(input, now)) {
            break;
        }
        bool const whole = frame_.received == 0 && frame_.bytes <= input.size();
        auto const step = whole ? whole_frame(input, scratch) : partial_frame(input);
        if (step.kind != WebSocketInput::more) {
            return step;
        }
        if (in_frame_) {
            break;  // it goes on in bytes that have not come
        }
    }
    if (failed_ || close_received_) {
        input = {};
        return {WebSocketInput::closed, {}};
    }
    return {};
}

/// True when a frame's header is there and allowed.
bool WebSocketPeer::take_header(ByteView& input, Instant now) {
    while (!input.empty()) {
        header_[header_bytes_++] = input.front();
        input = input.subspan(1);
        if (header_bytes_ < 2) {
            continue;
        }
        auto const length = as_u8(header_[1]) & 0x7f;
        auto const extended = length == 127 ? 8 : length == 126 ? 2 : 0;
        bool const masked = (as_u8(header_[1]) & kMasked) != 0;
        if (header_bytes_ == 2 + extended + (masked ? 4 : 0)) {
            header_bytes_ = 0;
            in_frame_ = read_header(now);
            return in_frame_;
        }
    }
    return false;
}

bool WebSocketPeer::read_header(Instant now) {
    auto const first = as_u8(header_[0]);
    auto const second = as_u8(header_[1]);
    if ((first & 0x70) != 0) {
        return fail(WebSocketClose::protocol_error, "reserved bits");
    }
    if ((second & kMasked) == 0) {
        return fail(WebSocketClose::protocol_error, "not masked");
    }
    auto const length = second & 0x7fU;
    std::size_t const extended = length == 127 ? 8 : length == 126 ? 2 : 0;
    frame_ = Frame{};
    frame_.fin = (first & kFin) != 0;
    frame_.opcode = first & 0x0f;
    frame_.bytes = extended == 0 ? length : big_endian(header_.data() + 2, extended);
    std::memcpy(frame_.mask.data(), header_.data() + 2 + extended, 4);
    if ((frame_.bytes >> 63) != 0) {
        return fail(WebSocketClose::protocol_error, "length with high bit");
    }
    if ((extended == 2 && frame_.bytes < 126) || (extended == 8 && frame_.bytes < 65'536)) {
        return fail(WebSocketClose::protocol_error, "length not minimal");
    }
    return frame_.is_control() ? check_control_frame(now) : check_data_frame(now);
}

bool WebSocketPeer::check_control_frame(Instant now) {
    if (frame_.opcode > kPong) {
        return fail(WebSocketClose::protocol_error, "unknown opcode");
    }
    if (!frame_.fin || frame_.bytes > kControlBytesMax) {
        return fail(WebSocketClose::protocol_error, "control frame long or in pieces");
    }
    auto const per_second = static_cast<std::int64_t>(limits_.control_frames_per_second);
    auto const gap = Duration(std::chrono::seconds(1)) / per_second;
    auto const full = std::max(control_bucket_full_, now).plus(gap);
    if (full - now > std::chrono::seconds(1)) {
        return fail(WebSocketClose::policy, "too many control frames");
    }
    control_bucket_full_ = full;
    return true;
}

bool WebSocketPeer::check_data_frame(Instant now) {
    if (frame_.opcode > kBinary) {
        return fail(WebSocketClose::protocol_error, "unknown opcode");
    }
    if ((frame_.opcode == kContinuation) != (message_opcode_ != 0)) {
        return fail(WebSocketClose::protocol_error, "message out of order");
    }
    if (frame_.opcode != kContinuation) {
        message_opcode_ = frame_.opcode;
        message_began_ = now;
        fragments_ = 0;
    }
    if (++fragments_ > limits_.fragments_max) {
        return fail(WebSocketClose::too_big, "too many fragments");
    }
    if (frame_.bytes > limits_.message_bytes_max - message_.size()) {
        return fail(WebSocketClose::too_big, "message too large");
    }
    return true;
}

/// All of the frame's payload is in the input: most messages take this way, and are copied once.
WebSocketInput WebSocketPeer::whole_frame(ByteView& input, WebSocketScratch& scratch) {
    bool const alone = frame_.is_control() || (frame_.fin && message_.empty());
    if (!alone || frame_.bytes > scratch.size()) {
        return partial_frame(input);
    }
    auto const size = static_cast<std::size_t>(frame_.bytes);
    unmask(input.first(size), frame_.mask, 0, scratch.data());
    input = input.subspan(size);
    in_frame_ = false;
    ByteView const payload(scratch.data(), size);
    return frame_.is_control() ? on_control(payload) : on_message(payload);
}

WebSocketInput WebSocketPeer::partial_frame(ByteView& input) {
    Bytes& into = frame_.is_control() ? control_ : message_;
    auto const rest = frame_.bytes - frame_.received;
    auto const part =
        input.first(static_cast<std::size_t>(std::min<std::uint64_t>(rest, input.size())));
    auto const before = into.size();
    into.resize(before + part.size());
    unmask(part, frame_.mask, frame_.received, into.data() + before);
    input = input.subspan(part.size());
    frame_.received += part.size();
    if (frame_.received < frame_.bytes) {
        return {};
    }
    in_frame_ = false;
    if (frame_.is_control()) {
        auto const payload = std::exchange(control_, {});
        return on_control(payload);
    }
    return frame_.fin ? on_message(message_) : WebSocketInput{};
}

WebSocketInput WebSocketPeer::on_control(ByteView payload) {
    if (frame_.opcode == kPing) {
        pong_ = as_text(payload);
    } else if (frame_.opcode == kPong) {
        pong_seen_ = true;
    } else {
        on_close_frame(payload);
    }
    return {};
}

WebSocketInput WebSocketPeer::on_message(ByteView payload) {
    if (std::exchange(message_opcode_, std::uint8_t{0}) == kText) {
        bool const utf8 = is_utf8(as_text(payload));
        fail(utf8 ? WebSocketClose::unsupported : WebSocketClose::invalid_data,
             utf8 ? "binary messages only" : "text is no UTF-8");
        return {WebSocketInput::closed, {}};
    }
    if (payload.data() == message_.data()) {
        delivered_ = std::exchange(message_, {});
        return {WebSocketInput::message, delivered_};
    }
    return {WebSocketInput::message, payload};
}

void WebSocketPeer::on_close_frame(ByteView payload) {
    auto const code = payload.size() < 2 ? 0 : big_endian(payload.data(), 2);
    if (payload.size() == 1 || (payload.size() >= 2 && !is_close_code(code))) {
        fail(WebSocketClose::protocol_error, "bad close code");
        return;
    }
    if (payload.size() > 2 && !is_utf8(as_text(payload.subspan(2)))) {
        fail(WebSocketClose::invalid_data, "close reason is no UTF-8");
        return;
    }
    close_received_ = true;
    auto const said = code == 0 ? WebSocketClose::no_status : static_cast<WebSocketClose>(code);
    if (!is_closing()) {
        close_code_ = said;
        close_due_ = true;
    }
}

bool WebSocketPeer::fail(WebSocketClose code, std::string_view reason) {
    failed_ = true;
    message_ = {};
    control_ = {};
    close(code, reason);
    return false;
}

void WebSocketPeer::close(WebSocketClose code, std::string_view reason) {
    if (is_closing()) {
        return;
    }
    close_code_ = code;
    close_reason_ = reason.substr(0, kControlBytesMax - 2);
    close_due_ = true;
}

void WebSocketPeer::on_tick(Instant now) {
    if (message_opcode_ != 0 && now - message_began_ > limits_.message_duration_max) {
        fail(WebSocketClose::too_big, "message takes too long");
    }
}

std::optional<std::string> WebSocketPeer::next_control() {
    if (close_sent_) {
        return std::nullopt;
    }
    if (close_due_) {
        close_due_ = false;
        close_sent_ = true;
        if (close_code_ == WebSocketClose::no_status) {
            return control_frame(kClose, {});
        }
        auto const code = static_cast<std::uint16_t>(close_code_);
        std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
        return control_frame(kClose, payload + close_reason_);
    }
    if (pong_) {
        return control_frame(kPong, *std::exchange(pong_, std::nullopt));
    }
    if (std::exchange(ping_due_, false)) {
        return control_frame(kPing, {});
    }
    return std::nullopt;
}

std::size_t WebSocketPeer::encode_header(std::size_t payload_bytes,
                                         std::array<std::byte, kHeaderBytesMax>& out) {
    std::size_t const extended = payload_bytes < 126 ? 0 : payload_bytes < 65'536 ? 2 : 8;
    std::size_t const length = extended == 0 ? payload_bytes : extended == 2 ? 126 : 127;
    out[0] = std::byte{kFin | kBinary};
    out[1] = static_cast<std::byte>(length);
    for (std::size_t i = 0; i < extended; ++i) {
        out[2 + i] = static_cast<std::byte>(payload_bytes >> (8 * (extended - 1 - i)));
    }
    return 2 + extended;
}

std::optional<std::string> web_socket_accept(std::string_view key) {
    constexpr std::size_t kKeyBytes = 24;
    std::array<unsigned char, 18> nonce;
    auto const* const text = reinterpret_cast<unsigned char const*>(key.data());
    if (key.size() != kKeyBytes || !key.ends_with("==") ||
        EVP_DecodeBlock(nonce.data(), text, kKeyBytes) != 18) {
        return std::nullopt;
    }
    auto const salted = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    EVP_Digest(salted.data(), salted.size(), digest.data(), &size, EVP_sha1(), nullptr);
    std::array<unsigned char, 32> encoded;
    auto const length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
    return std::string(reinterpret_cast<char const*>(encoded.data()),
                       static_cast<std::size_t>(length));
}

}  // namespace capstan
