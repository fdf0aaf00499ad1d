#include <algorithm>
#include <boost/nowide/utf/utf.hpp>
#include <capstan/cli/output.hpp>
#include <cstdint>

namespace capstan::cli {
namespace {

namespace utf = boost::nowide::utf;

constexpr std::string_view kHexDigits = "0123456789abcdef";

bool is_control(utf::code_point point) {
    return point < 0x20 || (point >= 0x7f && point < 0xa0);
}

/// Code points that change the direction of what follows, or break the line.
bool misleads(utf::code_point point) {
    return point == 0x200e || point == 0x200f || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069) || point == 0xfeff;
}

/// Takes no column of its own: combining marks, joiners, variation selectors.
bool is_zero_width(utf::code_point point) {
    return (point >= 0x300 && point < 0x370) || (point >= 0x200b && point <= 0x200d) ||
           (point >= 0x20d0 && point < 0x2100) || (point >= 0xfe00 && point <= 0xfe0f);
}

/// East Asian wide characters and pictographs, in the ranges that matter.
bool is_wide(utf::code_point point) {
    return (point >= 0x1100 && point <= 0x115f) || (point >= 0x2e80 && point <= 0xa4cf) ||
           (point >= 0xac00 && point <= 0xd7a3) || (point >= 0xf900 && point <= 0xfaff) ||
           (point >= 0xfe30 && point <= 0xfe6f) || (point >= 0xff00 && point <= 0xff60) ||
           (point >= 0x1f300 && point <= 0x1faff) || (point >= 0x20000 && point <= 0x3fffd);
}

std::size_t width_of(utf::code_point point) {
    return is_zero_width(point) ? 0 : is_wide(point) ? 2 : 1;
}

std::string hex(std::uint32_t value, std::size_t digits_min) {
    std::string out;
    for (; value != 0 || out.size() < digits_min; value >>= 4) {
        out.insert(out.begin(), kHexDigits[value & 15]);
    }
    return out;
}

std::string escaped(utf::code_point point) {
    switch (point) {
        case '\n':
            return "\\n";
        case '\r':
            return "\\r";
        case '\t':
            return "\\t";
        default:
            return point < 0x80 ? "\\x" + hex(point, 2) : "\\u{" + hex(point, 1) + "}";
    }
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (auto at = text.begin(); at != text.end();) {
        auto const start = at;
        auto const point = utf::utf_traits<char>::decode(at, text.end());
        if (point == utf::illegal || point == utf::incomplete) {
            at = start + 1;
            out += "\\x" + hex(static_cast<unsigned char>(*start), 2);
        } else if (is_control(point) || misleads(point)) {
            out += escaped(point);
        } else {
            out.append(start, at);
        }
    }
    return out;
}

std::size_t text_width(std::string_view text) {
    std::size_t width = 0;
    for (auto at = text.begin(); at != text.end();) {
        width += width_of(utf::utf_traits<char>::decode(at, text.end()));
    }
    return width;
}

std::string fitted(std::string_view text, std::size_t width) {
    if (text_width(text) <= width) {
        return std::string(text);
    }
    std::size_t taken = 0;
    auto at = text.begin();
    auto end = at;
    while (at != text.end()) {
        taken += width_of(utf::utf_traits<char>::decode(at, text.end()));
        if (taken + 1 > width) {
            break;
        }
        end = at;
    }
    return std::string(text.begin(), end) + (width == 0 ? "" : "…");
}

}  // namespace capstan::cli
