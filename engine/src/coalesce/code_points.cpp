#include "coalesce/code_points.hpp"

#include <algorithm>
#include <array>
#include <boost/nowide/utf/utf.hpp>
#include <capstan/schema/error.hpp>
#include <iterator>

namespace capstan::coalesce {
namespace {

namespace utf = boost::nowide::utf;

struct PointRange {
    std::uint32_t first;
    std::uint32_t last;
};

/// Code points that belong to the one before them.
constexpr std::array kExtenders = {
    PointRange{0x0300, 0x036F},    // combining diacritical marks
    PointRange{0x0483, 0x0489},    // Cyrillic
    PointRange{0x0591, 0x05BD},    // Hebrew points
    PointRange{0x0610, 0x061A},    // Arabic
    PointRange{0x064B, 0x065F},    // Arabic
    PointRange{0x093A, 0x094F},    // Devanagari
    PointRange{0x0E31, 0x0E31},    // Thai
    PointRange{0x0E34, 0x0E3A},    // Thai
    PointRange{0x0E47, 0x0E4E},    // Thai
    PointRange{0x1AB0, 0x1AFF},    // combining diacritical marks, extended
    PointRange{0x1DC0, 0x1DFF},    // combining diacritical marks, supplement
    PointRange{0x200D, 0x200D},    // zero width joiner
    PointRange{0x20D0, 0x20FF},    // combining marks for symbols
    PointRange{0x3099, 0x309A},    // kana voicing
    PointRange{0xFE00, 0xFE0F},    // variation selectors
    PointRange{0xFE20, 0xFE2F},    // combining half marks
    PointRange{0x1F3FB, 0x1F3FF},  // skin tones
    PointRange{0xE0020, 0xE007F},  // tags of flags
    PointRange{0xE0100, 0xE01EF},  // variation selectors, supplement
};
constexpr std::uint32_t kJoiner = 0x200D;

bool is_continuation(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

}  // namespace

std::vector<std::uint32_t> to_code_points(std::string_view text) {
    std::vector<std::uint32_t> points;
    points.reserve(text.size());
    auto const* at = text.data();
    auto const* const end = at + text.size();
    while (at != end) {
        auto const point = utf::utf_traits<char>::decode(at, end);
        CAPSTAN_INVARIANT(point != utf::illegal && point != utf::incomplete);
        points.push_back(point);
    }
    return points;
}

std::string to_utf8(std::span<std::uint32_t const> points) {
    std::string text;
    text.reserve(points.size());
    for (auto const point : points) {
        utf::utf_traits<char>::encode(point, std::back_inserter(text));
    }
    return text;
}

std::size_t count_code_points(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char byte) { return !is_continuation(byte); }));
}

std::size_t byte_offset(std::string_view text, std::size_t code_point) {
    std::size_t at = 0;
    for (; code_point > 0 && at < text.size(); --code_point) {
        do {
            ++at;
        } while (at < text.size() && is_continuation(text[at]));
    }
    return at;
}

bool are_one_grapheme(std::uint32_t left, std::uint32_t right) {
    if (left == kJoiner || (left == '\r' && right == '\n')) {
        return true;
    }
    return right >= kExtenders.front().first &&
           std::ranges::any_of(kExtenders, [right](PointRange const& range) {
               return range.first <= right && right <= range.last;
           });
}

}  // namespace capstan::coalesce
