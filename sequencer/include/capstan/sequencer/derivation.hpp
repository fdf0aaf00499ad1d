#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/sequencer/checkpoint_store.hpp>
#include <capstan/sequencer/journal.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace capstan {

struct DerivationOptions {
    /// At the end of a segment, a checkpoint at the latest after so much journal.
    std::uint64_t checkpoint_bytes = 256 * 1'048'576;
    std::size_t rows_max = 200'000;  // clean rows kept in memory
};

/// Makes all derived state from the journal alone: folds it from its first submission into an empty
/// checkpoint store, and makes the footer of each segment that ended. The operators' tools compare
/// its results with what a server left, or put them in its place.
///
/// It commits at ends of segments only, which the next segment declares durable, and at `finish`;
/// so memory is bounded by segments and rows, not by the journal.
/// Threading: one thread. Lifetime: `store` outlives it.
class Derivation {
  public:
    /// Takes the footer that a segment should have.
    using OnFooter = std::function<Result<>(SegmentNumber segment, ByteView footer)>;

    Derivation(CheckpointStore& store, OnFooter on_footer, DerivationOptions options = {});
    ~Derivation();

    /// The next submission. Errors: `trimmed` (the first one given is not the journal's first),
    /// `format_unknown` (this build must not fold it), those of the store and of `on_footer`.
    Result<> add(StoredSubmission const& submission);

    /// Segments before `open` have ended, and all that was added is durable: commits it.
    Result<> finish(SegmentNumber open);

    Position position() const;
    Hash128 chain() const;
    std::uint64_t state_hash();
    std::uint64_t events() const;     // accepted
    std::uint64_t streams() const;    // that exist or left a trace
    std::uint64_t malformed() const;  // records that took a position and nothing else

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace capstan
