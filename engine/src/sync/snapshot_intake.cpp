#include <algorithm>
#include <capstan/engine/snapshot/folded_delta.hpp>
#include <capstan/engine/sync/snapshot_intake.hpp>
#include <utility>

namespace capstan::sync {
namespace {

Error not_announced(std::string detail) {
    return {Errc::malformed, "snapshot: " + std::move(detail)};
}

}  // namespace

Result<std::optional<ChunkId>> SnapshotIntake::take(ChunkPart const& part) {
    if (part.offset == 0) {
        open_ = part.id;
        parts_.clear();
    }
    bool const goes_on = open_ == part.id && part.offset == parts_.size();
    auto announced = goes_on ? check_announced(part) : not_announced("a part out of order");
    if (!announced) {
        open_.reset();
        return announced.error();
    }
    parts_.insert(parts_.end(), part.bytes.begin(), part.bytes.end());
    if (parts_.size() < part.total) {
        return std::optional<ChunkId>();
    }
    open_.reset();
    return take_whole(part.id, std::exchange(parts_, {}));
}

/// Before anything of a part is kept, its size is held against what was announced.
Result<> SnapshotIntake::check_announced(ChunkPart const& part) const {
    auto const missing = missing_.find(part.id);
    std::uint64_t expected = 0;
    if (part.id == offer_.manifest) {
        expected = offer_.manifest_bytes;
    } else if (missing != missing_.end()) {
        expected = missing->second.packed_bytes;
    } else if (auto const here = chunks_.find(part.id); here != chunks_.end() && manifest_) {
        expected = here->second.size();
    }
    if (part.total != expected || part.offset + part.bytes.size() > expected) {
        return not_announced("a chunk of " + std::to_string(part.total) + " bytes instead of " +
                             std::to_string(expected));
    }
    return success();
}

Result<std::optional<ChunkId>> SnapshotIntake::take_whole(ChunkId const& id, Bytes bytes) {
    if (id == offer_.manifest) {
        CAPSTAN_TRY(offer_.from == Seq{} ? take_manifest(bytes) : take_delta(bytes));
        return std::optional<ChunkId>();
    }
    auto const missing = missing_.find(id);
    if (missing == missing_.end()) {
        return std::optional<ChunkId>();  // it came twice
    }
    CAPSTAN_TRY(codec_.unpack(bytes, missing->second));
    asked_bytes_ -= std::min<std::uint64_t>(asked_bytes_, bytes.size());
    missing_.erase(missing);
    chunks_.emplace(id, std::move(bytes));
    return std::optional(id);
}

Result<> SnapshotIntake::take_manifest(Bytes const& bytes) {
    if (codec_.id(bytes) != offer_.manifest) {
        return not_announced("the manifest's hash is not " + to_string(offer_.manifest));
    }
    CAPSTAN_TRY(auto manifest, decode_manifest(bytes));
    bool const same = manifest.stream == stream_ && manifest.generation == offer_.generation &&
                      manifest.seq == offer_.seq && manifest.chain == offer_.chain;
    if (!same) {
        return not_announced("the manifest of another one");
    }
    std::map<ChunkId, Bytes> kept;
    for (auto const& ref : manifest.chunks()) {
        if (auto here = chunks_.extract(ref.id)) {
            kept.insert(std::move(here));
        } else if (!kept.contains(ref.id) && missing_.emplace(ref.id, ref).second) {
            to_ask_.push_back(ref);
        }
    }
    chunks_ = std::move(kept);
    manifest_ = std::move(manifest);
    return success();
}

Result<> SnapshotIntake::take_delta(Bytes const& packed) {
    ChunkRef const ref{
        offer_.manifest, static_cast<std::uint32_t>(offer_.delta_bytes), offer_.manifest_bytes};
    CAPSTAN_TRY(auto const bytes, codec_.unpack(packed, ref));
    CAPSTAN_TRY(auto delta, decode_delta(bytes));
    bool const same = delta.stream == stream_ && delta.generation == offer_.generation &&
                      delta.from == offer_.from && delta.seq == offer_.seq;
    if (!same) {
        return not_announced("another folded delta");
    }
    delta_ = std::make_shared<FoldedDelta const>(std::move(delta));
    return success();
}

std::vector<ChunkId> SnapshotIntake::take_needs() {
    std::vector<ChunkId> needs;
    while (
        !offer_.whole && next_ask_ < to_ask_.size() && needs.size() < kNeedChunksMax &&
        (asked_bytes_ == 0 || asked_bytes_ + to_ask_[next_ask_].packed_bytes <= kAskedBytesMax)) {
        asked_bytes_ += to_ask_[next_ask_].packed_bytes;
        needs.push_back(to_ask_[next_ask_++].id);
    }
    return needs;
}

}  // namespace capstan::sync
