#pragma once
#include <cstddef>
#include <cstdint>

namespace capstan::footer_format {

inline constexpr std::uint32_t kMagic = 0x52544643;  // "CFTR"
inline constexpr std::uint32_t kVersion = 1;         // and three zero bytes
inline constexpr std::size_t kChecksumAt = 40;
inline constexpr std::uint64_t kFooterBytesMax = ~std::uint32_t{0};

}  // namespace capstan::footer_format
