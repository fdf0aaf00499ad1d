#include <algorithm>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/limits.hpp>
#include <span>

namespace capstan {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._~:@+={}-").find(c) != std::string_view::npos;
}

bool is_name_part(std::string_view part) {
    return !part.empty() && part != "." && part != ".." &&
           std::ranges::all_of(part, is_name_character);
}

/// Takes the part before the next `/`; `rest` becomes what follows it.
std::string_view take_part(std::string_view& rest, bool& last) {
    auto const slash = rest.find('/');
    auto const part = rest.substr(0, slash);
    last = slash == std::string_view::npos;
    rest = last ? std::string_view{} : rest.substr(slash + 1);
    return part;
}

void append_hex(std::string& out, std::uint64_t value) {
    for (int shift = 60; shift >= 0; shift -= 4) {
        out += kHexDigits[(value >> shift) & 15];
    }
}

void append_hex(std::string& out, std::span<std::byte const> bytes) {
    for (auto const byte : bytes) {
        out += kHexDigits[std::to_integer<std::size_t>(byte) >> 4];
        out += kHexDigits[std::to_integer<std::size_t>(byte) & 15];
    }
}

int hex_value(char c) {
    auto const at = kHexDigits.find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

/// False if it is not exactly the lower-case hex digits of `out`.
bool parse_hex(std::string_view hex, std::span<std::byte> out) {
    if (hex.size() != 2 * out.size()) {
        return false;
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
        int const high = hex_value(hex[2 * i]);
        int const low = hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = static_cast<std::byte>(high << 4 | low);
    }
    return true;
}

bool is_pattern(std::string_view text) {
    if (text.empty() || text.size() > kStreamNameBytesMax) {
        return false;
    }
    for (bool last = false; !last;) {
        auto const part = take_part(text, last);
        bool const wild = part == "*" || (part == ">" && last);
        if (!wild && !is_name_part(part)) {
            return false;
        }
    }
    return true;
}

}  // namespace

bool is_stream_name(std::string_view text) {
    if (text.empty() || text.size() > kStreamNameBytesMax) {
        return false;
    }
    for (bool last = false; !last;) {
        if (!is_name_part(take_part(text, last))) {
            return false;
        }
    }
    return true;
}

Result<StreamName> StreamName::parse(std::string_view text) {
    if (!is_stream_name(text)) {
        return Error{Errc::stream_name_invalid, std::string(text.substr(0, 80))};
    }
    return StreamName{std::string(text)};
}

std::string_view StreamName::tenant() const {
    return std::string_view(text_).substr(0, text_.find('/'));
}

Result<StreamPattern> StreamPattern::parse(std::string_view text) {
    if (!is_pattern(text)) {
        return Error{Errc::pattern_invalid, std::string(text.substr(0, 80))};
    }
    return StreamPattern{std::string(text)};
}

bool StreamPattern::matches(std::string_view name) const {
    std::string_view pattern = text_;
    bool pattern_ended = false;
    bool name_ended = false;
    while (!pattern_ended && !name_ended) {
        auto const wanted = take_part(pattern, pattern_ended);
        if (wanted == ">") {
            return true;
        }
        auto const part = take_part(name, name_ended);
        if (wanted != "*" && wanted != part) {
            return false;
        }
    }
    return pattern_ended && name_ended;
}

std::string to_string(DeviceId const& device) {
    std::string out;
    append_hex(out, device.bytes);
    return out;
}

Result<DeviceId> parse_device(std::string_view hex) {
    DeviceId device;
    if (hex.size() != 2 * device.bytes.size()) {
        return Error{Errc::device_invalid,
                     "expected 32 hex digits, got " + std::to_string(hex.size()) + " characters"};
    }
    if (!parse_hex(hex, device.bytes)) {
        return Error{Errc::device_invalid, "not lower-case hex: " + std::string(hex)};
    }
    if (device == DeviceId{}) {
        return Error{Errc::device_invalid, "all zero"};
    }
    return device;
}

std::string to_string(ChunkId const& id) {
    std::string out;
    append_hex(out, id.bytes);
    return out;
}

std::optional<ChunkId> parse_chunk_id(std::string_view hex) {
    ChunkId id;
    return parse_hex(hex, id.bytes) ? std::optional(id) : std::nullopt;
}

std::string to_string(Generation generation) {
    std::string out;
    append_hex(out, generation.value);
    return out;
}

std::string to_string(Link const& link) {
    return std::to_string(link.counter.value) + "@" + std::to_string(link.attempt.value);
}

std::string to_string(Hash128 const& hash) {
    std::string out;
    append_hex(out, hash.high);
    append_hex(out, hash.low);
    return out;
}

std::size_t DeviceIdHash::operator()(DeviceId const& device) const {
    auto const mixed =
        load<std::uint64_t>(device.bytes.data()) ^ load<std::uint64_t>(device.bytes.data() + 8);
    return static_cast<std::size_t>(mixed);
}

}  // namespace capstan
