// A chunk before compression, little-endian:
//
//   chunk   = version:u8 kind:u8 body
//   objects = (length:u32 object){…}          kind 0; canonical object bytes, ids ascend
//   devices = id:16{1..1,024}                 kind 1
//   window  = section                         kind 2
#include <openssl/sha.h>
#include <zstd.h>

#include <capstan/schema/hash.hpp>
#include <capstan/snapshotter/chunk.hpp>

namespace capstan {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 2;
constexpr int kLevel = 3;
/// Bytes of objects to one boundary, on average, beyond the least.
constexpr std::uint64_t kBoundaryBytes = 32 * 1'024;

/// Whether a chunk that is large enough ends behind this object.
bool is_boundary(std::string_view id, std::size_t object_bytes) {
    // One of 2^16 parts of all hashes for each 2^-16 of kBoundaryBytes.
    auto const part = hash64(as_bytes(id)) >> 48;
    return part * kBoundaryBytes < (object_bytes << 16);
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
    auto const says = ZSTD_getFrameContentSize(packed.data(), packed.size());
    if (says == ZSTD_CONTENTSIZE_ERROR || says == ZSTD_CONTENTSIZE_UNKNOWN) {
        return Error{Errc::malformed, "chunk: no zstd frame that tells its size"};
    }
    if (says != ref.bytes || says > kChunkBytesMax) {
        return Error{Errc::too_large,
                     "chunk: expected " + std::to_string(ref.bytes) + " bytes, the frame says " +
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
    if (chunk_id(out) != ref.id) {
        return Error{Errc::malformed, "chunk: its hash is not " + to_string(ref.id)};
    }
    return out;
}

Bytes make_chunk(ChunkKind kind, ByteView body) {
    Bytes out;
    ByteWriter(out).put(kVersion).put(static_cast<std::uint8_t>(kind)).put(body);
    return out;
}

Result<ByteView> open_chunk(ChunkKind kind, ByteView bytes) {
    ByteReader in(bytes);
    auto const version = in.get<std::uint8_t>();
    auto const found = in.get<std::uint8_t>();
    if (in.ok() && version != kVersion) {
        return Error{Errc::format_unknown, "chunk of version " + std::to_string(version)};
    }
    if (!in.ok() || found != static_cast<std::uint8_t>(kind)) {
        return Error{Errc::malformed, "chunk: another kind"};
    }
    return in.rest();
}

std::optional<ObjectChunk> Chunker::add(ObjectHead const& head, ByteView object) {
    if (at_boundary()) {
        open_.bytes = make_chunk(ChunkKind::objects, {});
        open_.first = head.id;
    }
    ByteWriter(open_.bytes).put(static_cast<std::uint32_t>(object.size())).put(object);
    open_.last = head.id;
    ++open_.objects;
    open_.max_seq = std::max(open_.max_seq, head.last_changed);
    open_.policies |= head.type == kPolicyType;
    auto const bytes = open_.bytes.size();
    bool const ends = bytes >= kChunkBytesFull ||
                      (bytes >= kChunkBytesMin && is_boundary(head.id, object.size()));
    return ends ? finish() : std::nullopt;
}

std::optional<ObjectChunk> Chunker::finish() {
    if (at_boundary()) {
        return std::nullopt;
    }
    return std::exchange(open_, {});
}

Result<> each_object(ByteView chunk,
                     std::function<Result<>(ObjectHead const&, ByteView)> const& visit) {
    CAPSTAN_TRY(auto const body, open_chunk(ChunkKind::objects, chunk));
    ByteReader in(body);
    std::string before;
    while (!in.rest().empty()) {
        auto const object = in.take(in.get<std::uint32_t>());
        if (!in.ok()) {
            return Error{Errc::malformed, "chunk: cut object"};
        }
        CAPSTAN_TRY(auto const head, read_object_head(object));
        if (head.id <= before) {
            return Error{Errc::malformed, "chunk: objects out of order"};
        }
        before = head.id;
        CAPSTAN_TRY(visit(head, object));
    }
    return success();
}

}  // namespace capstan
