// The rope's hash: a byte b is worth b + 1.
#include <capstan/engine/text/rope.hpp>

#include "text/polynomial.hpp"

namespace capstan {
namespace {

using namespace polynomial;

constexpr std::size_t kBlock = 8;

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

}  // namespace

void Rope::fill_hash(Sum const& sum, Leaf const& leaf) {
    if (!sum.hashed) {
        sum.hash = hash_bytes(leaf.text);
        sum.power = power_of_base(leaf.text.size());
        sum.hashed = true;
    }
}

void Rope::fill_hash(Sum const& sum, Tree::Node const& node) {
    combine(sum, node, [](Sum const& part, auto const& below) { fill_hash(part, below); });
}

std::uint64_t Rope::hash() const {
    return hash_of(tree_, [](Sum const& sum, auto const& below) { fill_hash(sum, below); });
}

}  // namespace capstan
