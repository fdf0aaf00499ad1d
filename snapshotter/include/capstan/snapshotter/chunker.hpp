#pragma once
#include <capstan/engine/model/canonical.hpp>
#include <capstan/engine/snapshot/chunk.hpp>
#include <capstan/snapshotter/past.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace capstan {

/// A chunk of objects ends as soon as it has so many bytes, but for its last object.
inline constexpr std::size_t kChunkBytesMin = 16 * 1'024;
inline constexpr std::size_t kChunkBytesFull = 192 * 1'024;

/// Some neighbouring objects, by id.
struct ObjectChunk {
    Bytes bytes;   // with its kind in front
    Bytes trails;  // of the same objects, too
    Recency recent{};
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
    std::optional<ObjectChunk> add(ObjectHead const& head, ByteView object, ByteView trail);
    std::optional<ObjectChunk> finish();
    /// The next object begins a chunk.
    bool at_boundary() const { return open_.objects == 0; }

  private:
    ObjectChunk open_;
    std::vector<std::pair<Seq, std::uint32_t>> changes_;  // of its objects, with their bytes
};

}  // namespace capstan
