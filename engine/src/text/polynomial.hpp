// Hashes of sequences that combine: with M = 2^61 - 1, base B and items worth v1 … vn,
//   H = v1 B^(n-1) + … + vn  mod M,   H(xy) = H(x) B^|y| + H(y)
#pragma once
#include <cstddef>
#include <cstdint>

namespace capstan::polynomial {

using Wide = unsigned __int128;

inline constexpr std::uint64_t kModulus = (std::uint64_t{1} << 61) - 1;
inline constexpr std::uint64_t kBase = 0x0F3A'91C7'5D2E'684B;  // arbitrary, below the modulus

constexpr std::uint64_t reduce(Wide value) {
    auto const once = static_cast<std::uint64_t>(value & kModulus) +
                      static_cast<std::uint64_t>((value >> 61) & kModulus) +
                      static_cast<std::uint64_t>(value >> 122);
    auto const twice = (once & kModulus) + (once >> 61);
    return twice >= kModulus ? twice - kModulus : twice;
}

constexpr std::uint64_t times(std::uint64_t a, std::uint64_t b) {
    return reduce(Wide{a} * b);
}

constexpr std::uint64_t power_of_base(std::uint64_t exponent) {
    std::uint64_t power = 1;
    for (auto square = kBase; exponent > 0; exponent /= 2, square = times(square, square)) {
        if (exponent % 2 == 1) {
            power = times(power, square);
        }
    }
    return power;
}

/// Hash and power of a node in a tree of sums, from those of its parts; `fill(sum, part)` makes
/// what a part lacks.
template <class Sum, class Node, class Fill>
void combine(Sum const& sum, Node const& node, Fill const& fill) {
    if (sum.hashed) {
        return;
    }
    sum.hash = 0;
    sum.power = 1;
    for (std::size_t slot = 0; slot < node.count; ++slot) {
        auto const& part = node.sums[slot];
        if (node.above_leaves) {
            fill(part, *node.leaf(slot));
        } else {
            fill(part, *node.node(slot));
        }
        sum.hash = reduce(Wide{sum.hash} * part.power + part.hash);
        sum.power = times(sum.power, part.power);
    }
    sum.hashed = true;
}

/// Hash of a whole tree of sums.
template <class Tree, class Fill>
std::uint64_t hash_of(Tree const& tree, Fill const& fill) {
    if (auto const* root = tree.root()) {
        fill(tree.total(), *root);
    } else {
        fill(tree.total(), *tree.first());
    }
    return tree.total().hash;
}

}  // namespace capstan::polynomial
