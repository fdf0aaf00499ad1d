#include <openssl/sha.h>
#include <zstd.h>

#include <algorithm>
#include <capstan/engine/snapshot/packing.hpp>

namespace capstan {
namespace {

constexpr int kLevel = 3;

/// The content of exactly one frame without a dictionary, of at most `bytes_max` bytes.
Result<Bytes> unpack(ByteView packed, std::size_t bytes_max) {
    auto const says = ZSTD_getFrameContentSize(packed.data(), packed.size());
    if (says == ZSTD_CONTENTSIZE_ERROR || says == ZSTD_CONTENTSIZE_UNKNOWN) {
        return Error{Errc::malformed, "chunk: no zstd frame that tells its size"};
    }
    if (says > bytes_max) {
        return Error{Errc::too_large,
                     "chunk: at most " + std::to_string(bytes_max) + " bytes, the frame says " +
                         std::to_string(says)};
    }
    if (ZSTD_getDictID_fromFrame(packed.data(), packed.size()) != 0 ||
        ZSTD_findFrameCompressedSize(packed.data(), packed.size()) != packed.size()) {
        return Error{Errc::malformed, "chunk: not exactly one zstd frame without dictionary"};
    }
    Bytes out(static_cast<std::size_t>(says));
    if (ZSTD_decompress(out.data(), out.size(), packed.data(), packed.size()) != out.size()) {
        return Error{Errc::malformed, "chunk: damaged zstd frame"};
    }
    return out;
}

Result<> check_id(ByteView bytes, ChunkId const& id) {
    return chunk_id(bytes) == id
               ? Result<>(success())
               : Error{Errc::malformed, "chunk: its hash is not " + to_string(id)};
}

}  // namespace

ChunkId chunk_id(ByteView bytes) {
    ChunkId id;
    SHA256(reinterpret_cast<unsigned char const*>(bytes.data()),
           bytes.size(),
           reinterpret_cast<unsigned char*>(id.bytes.data()));
    return id;
}

Bytes pack_chunk(ByteView bytes) {
    Bytes out(ZSTD_compressBound(bytes.size()));
    auto const packed = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), kLevel);
    CAPSTAN_INVARIANT(ZSTD_isError(packed) == 0, ZSTD_getErrorName(packed));
    out.resize(packed);
    return out;
}

Result<Bytes> unpack_chunk(ByteView packed, ChunkRef const& ref) {
    CAPSTAN_TRY(auto bytes, unpack(packed, std::min<std::size_t>(ref.bytes, kChunkBytesMax)));
    if (bytes.size() != ref.bytes) {
        return Error{Errc::malformed,
                     "chunk: expected " + std::to_string(ref.bytes) + " bytes, got " +
                         std::to_string(bytes.size())};
    }
    CAPSTAN_TRY(check_id(bytes, ref.id));
    return bytes;
}

Result<> check_chunk(ByteView packed, ChunkId const& id) {
    CAPSTAN_TRY(auto const bytes, unpack(packed, kChunkBytesMax));
    return check_id(bytes, id);
}

}  // namespace capstan
