#pragma once
#include <array>
#include <capstan/engine/model/canonical.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/limits.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace capstan {

/// A chunk of objects ends as soon as it has so many bytes, but for its last object.
inline constexpr std::size_t kChunkBytesMin = 16 * 1'024;
inline constexpr std::size_t kChunkBytesFull = 192 * 1'024;
/// Ids in a chunk of the device table.
inline constexpr std::size_t kChunkDevices = 1'024;

/// SHA-256.
ChunkId chunk_id(ByteView bytes);

enum class ChunkKind : std::uint8_t { objects, devices, window };

/// A chunk as a manifest names it.
struct ChunkRef {
    ChunkId id;
    std::uint32_t bytes = 0;         // before compression
    std::uint32_t packed_bytes = 0;  // as it is stored and sent
    friend bool operator==(ChunkRef const&, ChunkRef const&) = default;
};

/// One zstd frame that tells its content's size.
Bytes pack_chunk(ByteView bytes);
/// The frame's content, if it is the chunk that `ref` names. Sizes are compared before anything is
/// allocated: a frame that promises more than `ref` does, or needs a dictionary, is refused.
/// Errors: `too_large`, `malformed`.
Result<Bytes> unpack_chunk(ByteView packed, ChunkRef const& ref);

/// `kind` in front of `body`, as version 1 has it.
Bytes make_chunk(ChunkKind kind, ByteView body);
/// The body. Errors: `malformed`, `format_unknown`.
Result<ByteView> open_chunk(ChunkKind kind, ByteView bytes);

/// Some neighbouring objects, by id.
struct ObjectChunk {
    Bytes bytes;  // with its kind in front
    std::string first;
    std::string last;
    std::uint32_t objects = 0;
    Seq max_seq;            // of the last changes
    bool policies = false;  // some are policies
};

/// Cuts a stream's objects into chunks. Where one ends depends on nothing but what is in it, so a
/// chunk whose objects did not change is the same in every snapshot, and however that was built.
///
/// After each object, once there are `kChunkBytesMin`: the hash of its id says whether it is the
/// last one, more likely for a larger one, about every 32 KiB. Ids, not contents: an update moves
/// no boundary.
class Chunker {
  public:
    /// The next object, with an id above all before. A chunk, if it completes one.
    std::optional<ObjectChunk> add(ObjectHead const& head, ByteView object);
    std::optional<ObjectChunk> finish();
    /// The next object begins a chunk.
    bool at_boundary() const { return open_.objects == 0; }

  private:
    ObjectChunk open_;
};

/// Calls `visit(head, object bytes)` for each object of a chunk until it fails. Errors: its, and
/// `malformed`.
Result<> each_object(ByteView chunk,
                     std::function<Result<>(ObjectHead const&, ByteView)> const& visit);

}  // namespace capstan
