#pragma once
#include <capstan/engine/snapshot/chunk.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace capstan {

/// What the rules that make models from events are: another number, another outcome, and snapshots
/// of before are built anew.
inline constexpr std::uint32_t kModelRules = 1;

/// A chunk of objects: which, and what changed there last.
struct ObjectChunkRef {
    ChunkRef chunk;
    std::string first;  // ids, inclusive
    std::string last;
    std::uint32_t objects = 0;
    Seq max_seq;
    bool policies = false;  // some of its objects are policies
    friend bool operator==(ObjectChunkRef const&, ObjectChunkRef const&) = default;
};

/// The table of contents of a snapshot: the model of a stream at exactly one seq. Immutable.
///
/// Invariants: object chunks are in order of id and don't overlap; the device chunks have
/// `kChunkDevices` ids each but for the last, and the counter chunks as many numbers; mark < seq,
/// unless both are 0.
struct Manifest {
    std::string stream;
    Generation generation;
    Seq seq;
    Hash128 chain;  // at seq
    Seq mark;       // in the window section
    std::uint32_t rules = kModelRules;
    std::uint64_t state_hash = 0;
    std::uint64_t objects = 0;
    std::uint64_t devices = 0;
    std::uint64_t event_bytes = 0;  // of the events up to seq: what the snapshot spares
    std::vector<ChunkRef> device_chunks;
    std::vector<ChunkRef> counter_chunks;  // of the same devices
    std::vector<ObjectChunkRef> object_chunks;
    ChunkRef window;
    ChunkRef past;  // what folded deltas are made of, too
    friend bool operator==(Manifest const&, Manifest const&) = default;

    /// The chunks that make the model, in the order in which a device is given them.
    std::vector<ChunkRef> chunks() const;
    /// What a device without any chunk has to load.
    std::uint64_t packed_bytes() const;
};

Bytes encode_manifest(Manifest const& manifest);
/// Errors: `malformed` (damaged too), `format_unknown`.
Result<Manifest> decode_manifest(ByteView bytes);

}  // namespace capstan
