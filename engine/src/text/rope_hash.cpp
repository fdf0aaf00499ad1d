// The rope's hash. With M = 2^61 - 1, base B and bytes b1 … bn:
//   H = (b1 + 1) B^(n-1) + … + (bn + 1)  mod M,   H(xy) = H(x) B^|y| + H(y)
#include <capstan/engine/text/rope.hpp>

namespace capstan {
namespace {

using Wide = unsigned __int128;

constexpr std::uint64_t kModulus = (std::uint64_t{1} << 61) - 1;
constexpr std::uint64_t kBase = 0x0F3A'91C7'5D2E'684B;  // arbitrary, below the modulus
constexpr std::size_t kBlock = 8;

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

constexpr std::array<std::uint64_t, kBlock + 1> kPowers = [] {
    std::array<std::uint64_t, kBlock + 1> powers{1};
    for (std::size_t i = 1; i <= kBlock; ++i) {
        powers[i] = times(powers[i - 1], kBase);
    }
    return powers;
}();

std::uint64_t value_of(char byte) {
    return std::uint64_t{static_cast<unsigned char>(byte)} + 1;
}

/// Eight bytes at a time: their products do not wait for each other.
std::uint64_t hash_bytes(std::string_view text) {
    std::uint64_t hash = 0;
    std::size_t at = 0;
    for (; at + kBlock <= text.size(); at += kBlock) {
        auto sum = Wide{hash} * kPowers[kBlock];
        for (std::size_t i = 0; i < kBlock; ++i) {
            sum += Wide{kPowers[kBlock - 1 - i]} * value_of(text[at + i]);
        }
        hash = reduce(sum);
    }
    for (; at < text.size(); ++at) {
        hash = reduce(Wide{hash} * kBase + value_of(text[at]));
    }
    return hash;
}

std::uint64_t power_of(std::uint64_t exponent) {
    std::uint64_t power = 1;
    for (auto square = kBase; exponent > 0; exponent /= 2, square = times(square, square)) {
        if (exponent % 2 == 1) {
            power = times(power, square);
        }
    }
    return power;
}

}  // namespace

void Rope::fill_hash(Sum const& sum, Leaf const& leaf) {
    if (!sum.hashed) {
        sum.hash = hash_bytes(leaf.text);
        sum.power = power_of(leaf.text.size());
        sum.hashed = true;
    }
}

void Rope::fill_hash(Sum const& sum, Tree::Node const& node) {
    if (sum.hashed) {
        return;
    }
    sum.hash = 0;
    sum.power = 1;
    for (std::size_t slot = 0; slot < node.count; ++slot) {
        auto const& part = node.sums[slot];
        if (node.above_leaves) {
            fill_hash(part, *node.leaf(slot));
        } else {
            fill_hash(part, *node.node(slot));
        }
        sum.hash = reduce(Wide{sum.hash} * part.power + part.hash);
        sum.power = times(sum.power, part.power);
    }
    sum.hashed = true;
}

std::uint64_t Rope::hash() const {
    if (auto const* root = tree_.root()) {
        fill_hash(tree_.total(), *root);
    } else {
        fill_hash(tree_.total(), *tree_.first());
    }
    return tree_.total().hash;
}

}  // namespace capstan
