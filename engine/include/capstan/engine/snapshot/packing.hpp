#pragma once
#include <capstan/engine/snapshot/chunk.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>

/// What snapshots need of SHA-256 and zstd. The core has neither.
namespace capstan {

/// SHA-256.
ChunkId chunk_id(ByteView bytes);

/// One zstd frame that tells its content's size.
Bytes pack_chunk(ByteView bytes);
/// The frame's content, if it is the chunk that `ref` names. Sizes are compared before anything is
/// allocated: a frame that promises more than `ref` does, or needs a dictionary, is refused.
/// Errors: `too_large`, `malformed`.
Result<Bytes> unpack_chunk(ByteView packed, ChunkRef const& ref);
/// Whether the frame's content is the chunk of this id. Errors: as `unpack_chunk`.
Result<> check_chunk(ByteView packed, ChunkId const& id);

}  // namespace capstan
