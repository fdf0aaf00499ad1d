// Texts as code points, and back.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::coalesce {

/// Precondition: UTF-8.
std::vector<std::uint32_t> to_code_points(std::string_view text);
std::string to_utf8(std::span<std::uint32_t const> points);

/// Code points of a UTF-8 text.
std::size_t count_code_points(std::string_view text);
/// Where the n-th code point begins, in bytes; the text's end for n = their number.
std::size_t byte_offset(std::string_view text, std::size_t code_point);

/// Whether a boundary between these two would be inside a grapheme: a combining mark, a variation
/// selector or a skin tone follows, a joiner stands between, or a line feed follows its return.
/// (A part of Unicode's rules: what people meet in everyday text.)
bool are_one_grapheme(std::uint32_t left, std::uint32_t right);

}  // namespace capstan::coalesce
