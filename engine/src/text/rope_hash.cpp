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
