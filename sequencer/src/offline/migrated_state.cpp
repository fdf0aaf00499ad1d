#include "migrated_state.hpp"

#include <capstan/schema/limits.hpp>
#include <capstan/sequencer/fold_hash.hpp>

namespace capstan {

Result<std::unique_ptr<MigratedState>> MigratedState::make() {
    CAPSTAN_TRY(auto store, ScratchStore::make());
    return std::unique_ptr<MigratedState>(new MigratedState(std::move(store)));
}

/// The fold keeps what it indexed of a segment until that ends, so some must.
Result<> MigratedState::add(ByteView submission) {
    if (segment_bytes_ > kSegmentBytesDefault) {
        segment_ = segment_.next();
        segment_bytes_ = 0;
    }
    chain_ = submission_chain_next(chain_, submission);
    Offset const offset{segment_bytes_};
    segment_bytes_ += submission.size();
    CAPSTAN_TRY(fold_.add({.position = position().next(),
                           .bytes = submission,
                           .chain = chain_,
                           .segment = segment_,
                           .offset = offset,
                           .resume = Offset{segment_bytes_}}));
    if (state_mark_due(position())) {
        beacon_ = {position(), chain_, state_hash()};
    }
    return success();
}

}  // namespace capstan
