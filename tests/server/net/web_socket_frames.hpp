#pragma once
#include <cstddef>
#include <string>

/// Frames as a client sends them.
namespace capstan::test {

inline constexpr int kContinuation = 0;
inline constexpr int kText = 1;
inline constexpr int kBinary = 2;
inline constexpr int kClose = 8;
inline constexpr int kPing = 9;
inline constexpr int kPong = 10;

inline std::string frame(int opcode, std::string const& payload, bool fin = true) {
    std::string const mask = "\x37\xfa\x21\x3d";
    std::string out{static_cast<char>((fin ? 0x80 : 0) | opcode)};
    if (payload.size() < 126) {
        out += static_cast<char>(0x80 | payload.size());
    } else if (payload.size() < 65'536) {
        out += {static_cast<char>(0xfe),
                static_cast<char>(payload.size() >> 8),
                static_cast<char>(payload.size() & 0xff)};
    } else {
        out += static_cast<char>(0xff);
        for (int shift = 56; shift >= 0; shift -= 8) {
            out += static_cast<char>(payload.size() >> shift);
        }
    }
    out += mask;
    for (std::size_t i = 0; i < payload.size(); ++i) {
        out += static_cast<char>(payload[i] ^ mask[i % 4]);
    }
    return out;
}

}  // namespace capstan::test
