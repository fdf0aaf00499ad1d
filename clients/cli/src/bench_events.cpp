#include "bench_events.hpp"

#include <algorithm>
#include <capstan/schema/body.hpp>
#include <charconv>
#include <string>

namespace capstan::cli {
namespace {

constexpr std::size_t kNumberDigits = 16;
constexpr std::size_t kTextBytesMin = 2 * kNumberDigits;

Bytes encode_text(std::size_t bytes) {
    return encode_event(to_event(Body{.content = std::string(bytes, '#')}));
}

void put_hex(std::byte* at, std::uint64_t value) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (std::size_t i = kNumberDigits; i-- > 0; value >>= 4) {
        at[i] = static_cast<std::byte>(kDigits[value & 15]);
    }
}

std::optional<std::uint64_t> take_hex(ByteView bytes) {
    auto const text = as_text(bytes);
    std::uint64_t value = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    bool const whole = error == std::errc{} && end == text.data() + text.size();
    return whole ? std::optional(value) : std::nullopt;
}

}  // namespace

Result<BenchEvents> BenchEvents::make(std::uint64_t load, std::size_t event_bytes) {
    auto const least = encode_text(kTextBytesMin).size();
    if (event_bytes < least) {
        return Error{Errc::request_invalid,
                     "an event of " + std::to_string(event_bytes) +
                         " bytes; the smallest that can be checked has " + std::to_string(least)};
    }
    auto text_bytes = kTextBytesMin + event_bytes - least;
    auto pattern = encode_text(text_bytes);
    while (pattern.size() > event_bytes) {
        pattern = encode_text(--text_bytes);
    }
    auto const text_at = as_text(pattern).find(std::string(text_bytes, '#'));
    return BenchEvents(load, std::move(pattern), text_at, text_bytes);
}

BenchEvents::BenchEvents(std::uint64_t load,
                         Bytes pattern,
                         std::size_t text_at,
                         std::size_t text_bytes)
    : load_(load), pattern_(std::move(pattern)), text_at_(text_at), text_bytes_(text_bytes) {}

Bytes BenchEvents::event(std::uint64_t number) const {
    auto event = pattern_;
    fill(event.data() + text_at_, number);
    return event;
}

void BenchEvents::fill(std::byte* text, std::uint64_t number) const {
    put_hex(text, load_);
    put_hex(text + kNumberDigits, number);
    std::uint64_t word = load_ ^ (number + 1) * 0x9E3779B97F4A7C15;
    for (std::size_t i = kTextBytesMin; i < text_bytes_; ++i) {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        text[i] = static_cast<std::byte>('a' + word % 26);
    }
}

Result<std::optional<std::uint64_t>> BenchEvents::number_of(ByteView event) const {
    if (event.size() < text_at_ + kTextBytesMin ||
        take_hex(event.subspan(text_at_, kNumberDigits)) != load_) {
        return std::optional<std::uint64_t>();
    }
    auto const number = take_hex(event.subspan(text_at_ + kNumberDigits, kNumberDigits));
    if (!number || !std::ranges::equal(this->event(*number), event)) {
        return Error{Errc::malformed, "an event of this load is not as it was made"};
    }
    return number;
}

}  // namespace capstan::cli
