#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/snapshotter/past.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace capstan {

/// A snapshot that can be had: enough to choose it, and to tell a device what is to come.
struct SnapshotOffer {
    Generation generation;
    Seq seq;
    Hash128 chain;  // at seq
    Seq mark;
    std::uint64_t state_hash = 0;
    std::uint64_t objects = 0;
    std::uint64_t event_bytes = 0;  // of the events up to seq
    ChunkId manifest;
    std::uint32_t manifest_bytes = 0;
    std::uint32_t chunks = 0;
    std::uint64_t chunk_bytes = 0;  // of all chunks, as they are sent
    std::uint64_t window_bytes = 0;
    Seq folds_from = kSeqMax;  // folded deltas can be made from this seq on
    ChangedBytes changed;

    /// What a device without any of it has to load.
    std::uint64_t bytes() const { return manifest_bytes + chunk_bytes; }
    /// What a device at that seq has to load: an estimate. Precondition: from <= seq.
    std::uint64_t folded_bytes(Seq from) const {
        return window_bytes + changed.within(seq.value - from.value);
    }
};

/// A folded delta to a snapshot, as it is sent.
struct FoldedBytes {
    Generation generation;
    Seq seq;
    Hash128 chain;  // at seq
    ChunkRef ref;
    std::shared_ptr<Bytes const> packed;
};

/// Where snapshots come from, for those who hand them on. Threading: the strand.
class SnapshotSource {
  public:
    using SharedBytes = std::shared_ptr<Bytes const>;
    using OnBytes = std::function<void(Result<SharedBytes> const&)>;
    using OnFolded = std::function<void(Result<FoldedBytes> const&)>;

    virtual ~SnapshotSource() = default;
    /// Nothing if the stream has none. Valid until the caller returns to the executor.
    virtual SnapshotOffer const* newest(std::string_view stream) const = 0;
    /// A manifest as encoded, or a chunk as it is sent: of one of the stream's newest two
    /// snapshots, verified. `done` is called on the strand, possibly before this returns.
    /// Errors: `not_found` (it has a successor: look at the newest), `not_ready` (it was damaged,
    /// and the snapshot is being built anew), `disk_io`.
    virtual void read(std::string_view stream, ChunkId const& id, OnBytes done) = 0;
    /// The folded delta from that seq to the newest snapshot. `done` and errors as of `read`, and
    /// `too_large`.
    virtual void fold(std::string_view stream, Seq from, OnFolded done) = 0;
};

}  // namespace capstan
