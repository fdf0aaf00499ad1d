#pragma once
#include <capstan/engine/snapshot/manifest.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace capstan {
struct FoldedDelta;
}

namespace capstan::sync {

/// What a device needs to take chunks in: SHA-256 and zstd. The core has neither; a device that is
/// given none takes no snapshots.
struct ChunkCodec {
    std::function<ChunkId(ByteView)> id;
    std::function<Result<Bytes>(ByteView packed, ChunkRef const&)> unpack;
    explicit operator bool() const { return id && unpack; }
};

/// What the server says of a snapshot, or of a folded delta, before it sends it.
struct OfferedSnapshot {
    Generation generation;
    Seq seq;
    Hash128 chain;
    ChunkId manifest;  // or of the folded delta
    std::uint32_t manifest_bytes = 0;
    bool whole = false;  // all chunks follow, and then events; otherwise those that are asked for
    Seq from;            // not 0: a folded delta of the model at this seq; events follow it
    std::uint64_t delta_bytes = 0;  // of that, before compression
};

/// A part of a manifest or a chunk. Valid during the call that it is given to.
struct ChunkPart {
    ChunkId id;
    std::uint32_t offset = 0;
    std::uint32_t total = 0;
    ByteView bytes;
};

/// A snapshot that is here as a whole: chunks as they were sent, each verified.
struct TakenSnapshot {
    Manifest manifest;
    std::map<ChunkId, Bytes> chunks;
};

/// Takes in one snapshot: its manifest, then its chunks; or one folded delta. Each part is verified
/// as soon as it is whole, and takes no more memory than was announced and has come.
class SnapshotIntake {
  public:
    /// Bytes of chunks that are asked for and have not come.
    static constexpr std::uint64_t kAskedBytesMax = 2 * 1'048'576;

    /// `had`: chunks from before, as they were sent; those that the snapshot does not name go.
    SnapshotIntake(std::string stream,
                   ChunkCodec const& codec,
                   OfferedSnapshot const& offer,
                   std::map<ChunkId, Bytes> had)
        : stream_(std::move(stream)), codec_(codec), offer_(offer), chunks_(std::move(had)) {}

    /// The chunk that is whole with this part; nothing while there is none, or for the manifest.
    /// Errors: `malformed`, `too_large`, `format_unknown`: it is not what was announced; nothing of
    /// it is kept, and the intake goes on without it.
    Result<std::optional<ChunkId>> take(ChunkPart const& part);
    /// What to ask for now, in this order, each once.
    std::vector<ChunkId> take_needs();
    bool complete() const { return delta_ || (manifest_ && missing_.empty()); }

    OfferedSnapshot const& offer() const { return offer_; }
    Bytes const& chunk(ChunkId const& id) const { return chunks_.at(id); }
    /// Precondition: complete, and a folded delta was offered. The intake is of no more use.
    std::shared_ptr<FoldedDelta const> take_delta() && { return std::move(delta_); }
    /// Precondition: complete, and none was. The intake is of no more use.
    TakenSnapshot take_snapshot() && { return {std::move(*manifest_), std::move(chunks_)}; }
    /// What is here, for another intake. This one is of no more use.
    std::map<ChunkId, Bytes> take_chunks() && { return std::move(chunks_); }

  private:
    Result<> check_announced(ChunkPart const& part) const;
    Result<std::optional<ChunkId>> take_whole(ChunkId const& id, Bytes bytes);
    Result<> take_manifest(Bytes const& bytes);
    Result<> take_delta(Bytes const& packed);

    std::string stream_;
    ChunkCodec const& codec_;
    OfferedSnapshot offer_;
    std::map<ChunkId, Bytes> chunks_;
    std::optional<Manifest> manifest_;
    std::shared_ptr<FoldedDelta const> delta_;
    std::map<ChunkId, ChunkRef> missing_;
    std::vector<ChunkRef> to_ask_;  // from next_ask_ on
    std::size_t next_ask_ = 0;
    std::uint64_t asked_bytes_ = 0;
    std::optional<ChunkId> open_;  // of which parts are here
    Bytes parts_;
};

}  // namespace capstan::sync
