#include <algorithm>
#include <capstan/schema/hash.hpp>
#include <capstan/snapshotter/chunker.hpp>
#include <utility>

namespace capstan {
namespace {

/// Bytes of objects to one boundary, on average, beyond the least.
constexpr std::uint64_t kBoundaryBytes = 32 * 1'024;

/// Whether a chunk that is large enough ends behind this object.
bool is_boundary(std::string_view id, std::size_t object_bytes) {
    // One of 2^16 parts of all hashes for each 2^-16 of kBoundaryBytes.
    auto const part = hash64(as_bytes(id)) >> 48;
    return part * kBoundaryBytes < (object_bytes << 16);
}

}  // namespace

std::optional<ObjectChunk> Chunker::add(ObjectHead const& head, ByteView object, ByteView trail) {
    if (at_boundary()) {
        open_.bytes = make_chunk(ChunkKind::objects, {});
        open_.trails = make_chunk(ChunkKind::trails, {});
        open_.first = head.id;
    }
    ByteWriter(open_.bytes).put(static_cast<std::uint32_t>(object.size())).put(object);
    ByteWriter(open_.trails).put(static_cast<std::uint32_t>(trail.size())).put(trail);
    changes_.emplace_back(head.last_changed, static_cast<std::uint32_t>(object.size()));
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
    for (auto const& [seq, bytes] : std::exchange(changes_, {})) {
        open_.recent[recency_of(open_.max_seq.value - seq.value)] += bytes;
    }
    return std::exchange(open_, {});
}

}  // namespace capstan
