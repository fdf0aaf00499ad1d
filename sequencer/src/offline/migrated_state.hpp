#pragma once
#include <capstan/schema/hash.hpp>
#include <capstan/schema/submission.hpp>
#include <capstan/sequencer/derivation.hpp>
#include <cstdint>
#include <memory>

#include "scratch.hpp"

namespace capstan {

/// Folds submissions as they come, from the first one on, into a directory that goes away.
class MigratedState {
  public:
    /// Errors: `disk_io`, as opening a store.
    static Result<std::unique_ptr<MigratedState>> make();

    /// The next submission. Errors: as `Derivation::add`.
    Result<> add(ByteView submission);

    Position position() const { return fold_.position(); }
    Hash128 chain() const { return chain_; }
    std::uint64_t state_hash() { return fold_.state_hash(); }
    std::uint64_t streams() const { return fold_.streams(); }
    std::uint64_t events() const { return fold_.events(); }
    /// What nodes note at the newest position at which they note something; at 0 before the first.
    Beacon const& beacon() const { return beacon_; }

  private:
    explicit MigratedState(ScratchStore store) : store_(std::move(store)) {}

    ScratchStore store_;
    Derivation fold_{store_.store(), [](SegmentNumber, ByteView) -> Result<> { return success(); }};
    SegmentNumber segment_{1};
    std::uint64_t segment_bytes_ = 0;
    Hash128 chain_;
    Beacon beacon_;
};

}  // namespace capstan
