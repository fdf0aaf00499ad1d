// A snapshot as a server would send it, made from a model at once.
#pragma once
#include <capstan/engine/snapshot/manifest.hpp>
#include <capstan/engine/sync/snapshot_intake.hpp>
#include <map>
#include <span>
#include <string>

namespace capstan {
class Model;
}

namespace capstan::test {

struct TestSnapshot {
    Manifest manifest;
    Bytes encoded;
    ChunkId id;                       // of the manifest
    std::map<ChunkId, Bytes> chunks;  // as they are sent
};

/// `where`: stream, generation, seq and chain; the rest is read off the model. `counters`: of the
/// last event of each device, by its number in the model.
TestSnapshot snapshot_of(Model const& model,
                         Manifest where,
                         std::span<Counter const> counters,
                         std::size_t chunk_objects);

/// SHA-256 and zstd are not for tests of the core: chunks are sent as they are, with one byte in
/// front, and named by XXH3.
sync::ChunkCodec plain_codec();
Bytes plain_packed(ByteView bytes);

}  // namespace capstan::test
