// Texts as code points, for tests: by hand, to judge the engine's own.
#pragma once
#include <string>
#include <string_view>

namespace capstan::test {

inline std::u32string points_of(std::string_view utf8) {
    std::u32string points;
    for (std::size_t i = 0; i < utf8.size();) {
        auto const lead = static_cast<unsigned char>(utf8[i]);
        std::size_t const length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        char32_t point = length == 1 ? lead : lead & (0x7Fu >> length);
        for (std::size_t k = 1; k < length; ++k) {
            point = point << 6 | (static_cast<unsigned char>(utf8.at(i + k)) & 0x3Fu);
        }
        points.push_back(point);
        i += length;
    }
    return points;
}

inline std::string utf8_of(std::u32string_view points) {
    std::string text;
    for (auto const point : points) {
        if (point < 0x80) {
            text += static_cast<char>(point);
            continue;
        }
        int const rest = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
        text += static_cast<char>((0xFF00u >> (rest + 1) & 0xFF) | point >> (6 * rest));
        for (int k = rest - 1; k >= 0; --k) {
            text += static_cast<char>(0x80 | (point >> (6 * k) & 0x3F));
        }
    }
    return text;
}

}  // namespace capstan::test
