#include <capstan/schema/hash.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>

#include "long_hash.hpp"

namespace capstan {
namespace {

Hash128 from(XXH128_hash_t hash) {
    return {hash.low64, hash.high64};
}

void store_hash(std::byte* at, Hash128 const& hash) {
    store(at, hash.low);
    store(at + 8, hash.high);
}

}  // namespace

std::uint64_t hash64(ByteView bytes) {
    if (bytes.size() > kShortHashBytesMax) {
        return long_hash64(bytes);
    }
    return XXH3_64bits(bytes.data(), bytes.size());
}

Hash128 hash128(ByteView bytes) {
    if (bytes.size() > kShortHashBytesMax) {
        return long_hash128(bytes);
    }
    return from(XXH3_128bits(bytes.data(), bytes.size()));
}

Hash128 chain_start(std::string_view stream_name) {
    return hash128(as_bytes(stream_name));
}

Hash128 chain_next(
    Hash128 const& before, Dot const& dot, Seq preceding_seq, std::uint16_t flags, ByteView event) {
    std::array<std::byte, 66> link;
    store_hash(link.data(), before);
    std::memcpy(link.data() + 16, dot.device.bytes.data(), 16);
    store(link.data() + 32, dot.counter.value);
    store(link.data() + 40, preceding_seq.value);
    store(link.data() + 48, flags);
    store_hash(link.data() + 50, hash128(event));
    return hash128(link);
}

Hash128 submission_chain_next(Hash128 const& before, ByteView submission) {
    std::array<std::byte, 32> link;
    store_hash(link.data(), before);
    store_hash(link.data() + 16, hash128(submission));
    return hash128(link);
}

Generation generation_of(Lineage lineage, std::string_view stream_name, Edition edition) {
    std::array<std::byte, 12> seed;
    store(seed.data(), lineage.value);
    store(seed.data() + 8, edition.value);
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, seed.data(), seed.size());
    XXH3_64bits_update(&state, stream_name.data(), stream_name.size());
    auto const value = XXH3_64bits_digest(&state);
    return Generation{value == 0 ? 1 : value};
}

}  // namespace capstan
