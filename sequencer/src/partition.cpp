#include <capstan/engine/runtime/random.hpp>
#include <set>

#include "partition_impl.hpp"

namespace capstan {

Result<> JournalSegments::read(SegmentNumber segment,
                               Offset offset,
                               std::span<std::byte> into) const {
    return journal_->pread(segment, offset, into);
}

Result<FooterPlace> JournalSegments::footer(SegmentNumber segment) const {
    auto const extent = journal_->footer(segment);
    if (!extent && extent.error().code == Errc::not_found) {
        // A reader who is told not_found would look for a mistake in the stream's name.
        return Error{Errc::index_damaged, extent.error().detail};
    }
    CAPSTAN_TRY(auto const there, extent);
    return FooterPlace{there.offset, there.bytes};
}

Result<std::unique_ptr<Partition>> Partition::open(PartitionOptions const& options,
                                                   PartitionSeams const& seams,
                                                   PartitionListener& listener) {
    auto partition = std::make_unique<PartitionImpl>(options, seams, listener);
    CAPSTAN_TRY(partition->recover());
    return partition;
}

PartitionImpl::PartitionImpl(PartitionOptions const& options,
                             PartitionSeams const& seams,
                             PartitionListener& listener)
    : options_(options),
      seams_(seams),
      listener_(listener),
      rows_(seams.checkpoints),
      index_(seams.checkpoints, segments_) {}

Result<> PartitionImpl::recover() {
    JournalOptions journal{.partition = options_.partition,
                           .segment_bytes = options_.segment_bytes,
                           .is_tape = seams_.open_log != nullptr};
    CAPSTAN_TRY(auto const checkpoint, seams_.checkpoints.load());
    is_folded_whole_ = !checkpoint.has_value();
    if (checkpoint) {
        CAPSTAN_TRY(row_, decode_partition_row(checkpoint->partition_row));
        folded_place_ = {
            checkpoint->position, checkpoint->chain, checkpoint->segment, checkpoint->offset};
        committed_ = checkpoint->position;
        journal.checkpoint = folded_place_;
    }
    CAPSTAN_TRY(index_.recover());
    auto const fold_tail = [this](StoredSubmission const& stored) -> Result<Visit> {
        CAPSTAN_TRY(fold_one({.record = stored.bytes,
                              .position = stored.position,
                              .segment = stored.segment,
                              .offset = stored.offset}));
        folded_place_ = stored.after();
        return Visit::next;
    };
    CAPSTAN_TRY(auto opened, FileJournal::open(seams_.storage, seams_.random, journal, fold_tail));
    journal_ = std::move(opened.journal);
    bytes_cut_ = opened.recovery.bytes_cut;
    CAPSTAN_TRY(seal_left_open(opened.recovery.unsealed));
    if (seams_.open_log) {
        CAPSTAN_TRY(join_log());
    } else if (!row_.has_genesis()) {
        CAPSTAN_TRY(write_genesis());
    }
    appended_ = row_.position;
    schedule_checkpoint();
    tend_when_idle();  // the last process may have had no time to
    return success();
}

/// Segments that the journal has no footer of, and those that have one of which no checkpoint
/// knows.
Result<> PartitionImpl::seal_left_open(std::span<ClosedSegment const> unsealed) {
    std::set<SegmentNumber> numbers;
    for (auto const& segment : unsealed) {
        numbers.insert(segment.number);
    }
    for (auto const number : index_.to_seal(journal_->describe().open_segment)) {
        numbers.insert(number);
    }
    for (auto const number : numbers) {
        CAPSTAN_TRY(auto sealed, index_.seal(number).run());
        CAPSTAN_TRY(journal_->seal(number, sealed.footer));
        index_.sealed(std::move(sealed));
    }
    return success();
}

Result<> PartitionImpl::write_genesis() {
    auto const genesis = encode_genesis(journal_->lineage(), options_.partition);
    ByteView const record = genesis;
    CAPSTAN_TRY(auto const appended, journal_->append({&record, 1}));
    CAPSTAN_TRY(journal_->flush());
    auto const& frame = appended.frames.front();
    CAPSTAN_TRY(fold_one({.record = record,
                          .position = frame.first,
                          .segment = frame.segment,
                          .offset = frame.payload()}));
    folded_place_ = frame.after();
    return success();
}

std::pair<Position, Hash128> PartitionImpl::position() const {
    return {row_.position, row_.chain};
}

PartitionMarks PartitionImpl::marks() const {
    return {.appended = appended_,
            .durable = journal_->durable(),
            .folded = row_.position,
            .checkpointed = committed_,
            .queued_bytes = unanswered_.bytes};
}

std::uint64_t PartitionImpl::state_hash() {
    rows_.settle(row_);
    return row_.state_hash;
}

void PartitionImpl::drain(std::function<void()> done) {
    draining_ = true;
    idle_timer_.reset();
    checkpoint_timer_.reset();
    drained_ = std::move(done);
    drain_if_quiet();
}

void PartitionImpl::drain_if_quiet() {
    // What is on its way to a shared log has an open outcome, here as everywhere.
    bool const waits_for_answers = unanswered_.count > 0 && !log_;
    bool const busy = waits_for_answers || committing_ || tending_ > 0;
    if (!drained_ || (busy && !stopped_)) {
        return;
    }
    if (!stopped_ && committed_ < row_.position) {
        checkpoint();
        return;
    }
    seal_retry_.reset();
    auto done = std::exchange(drained_, nullptr);
    seams_.disk.post([this, done = std::move(done)]() mutable {
        // All that is acknowledged is flushed; without the marker, later damage to the last frame
        // is harder to tell from a torn tail, no more.
        static_cast<void>(journal_->mark_idle());
        seams_.strand.post(std::move(done));
    });
}

}  // namespace capstan
