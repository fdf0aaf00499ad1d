#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <string_view>

namespace capstan {

/// XXH3 of Yann Collet's xxHash 0.8
/// (https://github.com/Cyan4973/xxHash/blob/v0.8.1/doc/xxhash_spec.md), seed 0.
std::uint64_t hash64(ByteView bytes);
Hash128 hash128(ByteView bytes);

/// c(0) of a stream: the hash of its name.
Hash128 chain_start(std::string_view stream_name);

/// c(n) = H(c(n−1), dot, p as the fold set it, chained flags, H(event bytes)). `flags` are the run
/// flags that models read (`RunFlags::chained`).
Hash128 chain_next(
    Hash128 const& before, Dot const& dot, Seq preceding_seq, std::uint16_t flags, ByteView event);

/// The chain over all submissions of a partition: s(n) = H(s(n−1), H(submission bytes)); s(0) is
/// all zero.
Hash128 submission_chain_next(Hash128 const& before, ByteView submission);

/// hash(lineage, name, edition), never 0.
Generation generation_of(Lineage lineage, std::string_view stream_name, Edition edition);

}  // namespace capstan
