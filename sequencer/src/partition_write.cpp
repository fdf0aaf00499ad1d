#include <capstan/engine/runtime/executor.hpp>

#include "partition_impl.hpp"

namespace capstan {
namespace {

constexpr Duration kIdleAfter = std::chrono::milliseconds(50);
/// Publishing waits when so many times `checkpoint_bytes` are not in a checkpoint yet.
constexpr std::size_t kCheckpointLagMax = 4;
/// What the strand writes itself, and how long it may have to wait for the disk then, by the last
/// flush.
constexpr std::size_t kWriteHereBytes = 64 * 1'024;
constexpr Duration kQuickFlush = std::chrono::milliseconds(1);

}  // namespace

Result<> PartitionImpl::submit(Bytes submission, std::uint64_t token) {
    if (stopped_) {
        return *stopped_;
    }
    if (draining_) {
        return Error{Errc::not_ready, "the server is shutting down"};
    }
    if (!is_ready_) {
        return Error{Errc::not_ready, "this node has not yet read what the log holds"};
    }
    if (submission.size() > kSubmissionBytesMax) {
        return Error{Errc::too_large,
                     "submission of " + std::to_string(submission.size()) + " bytes"};
    }
    // An empty queue takes anything, or what is larger than the queue would never get through.
    bool const is_full = unanswered_.bytes + submission.size() > options_.queue_bytes_max;
    if (is_full && unanswered_.count > 0) {
        return Error{Errc::overloaded, "the journal's queue is full"};
    }
    if (bytes_since_checkpoint_ > kCheckpointLagMax * options_.checkpoint_bytes) {
        return Error{Errc::overloaded, "checkpoints have fallen behind"};
    }
    auto const bytes = submission.size();
    if (log_) {
        CAPSTAN_TRY(log_->append(std::move(submission), token));
    } else if (queue_.add(std::move(submission), token)) {
        start_writing();
    }
    unanswered_.count += 1;
    unanswered_.bytes += bytes;
    return success();
}

/// The disk thread writes, but for what is small on a quick disk: handing it over and back
/// takes two threads' wakes, and nobody else waits for the strand.
void PartitionImpl::start_writing() {
    if (tending_ > 0 || !flushes_are_quick_) {
        seams_.disk.post([this] { write_queued(); });
    } else {
        seams_.strand.post([this] { listen_on(); });
    }
}

/// A peer's messages come one a turn of the strand: who has more to say is heard before the strand
/// is held up by a flush.
void PartitionImpl::listen_on() {
    seams_.strand.post([this, heard = queue_.bytes()] { write_few_here(heard); });
}

/// On the disk thread: a batch, then room for the disk's other tasks, then the next one.
void PartitionImpl::write_queued() {
    auto batch = queue_.take(options_.batch_bytes_max);
    if (batch.empty()) {
        return;
    }
    auto written = write(batch);
    seams_.disk.post([this] { write_queued(); });
    seams_.strand.post([this, batch = std::move(batch), written = std::move(written)] {
        on_written(batch, written);
        if (unanswered_.count == 0) {
            tend_when_idle();
        }
    });
    if (journal_->spare() == SpareState::urgent) {
        static_cast<void>(journal_->prepare_spare());  // a full disk shows at the next append
    }
}

/// On the strand, when all that was ready with them has been heard. While more comes, the disk
/// thread writes: what is heard during its flush is the next batch.
void PartitionImpl::write_few_here(std::size_t heard) {
    bool const disk_is_free = tending_ == 0 && journal_->spare() != SpareState::urgent;
    auto const waiting = queue_.bytes();
    if (!disk_is_free || waiting > kWriteHereBytes || waiting > heard) {
        seams_.disk.post([this] { write_queued(); });
        return;
    }
    auto const batch = queue_.take(options_.batch_bytes_max);
    if (batch.empty()) {
        tend_when_idle();
        return;
    }
    on_written(batch, write(batch));
    start_writing();
}

PartitionImpl::Written PartitionImpl::write(WriteBatch const& batch) {
    std::vector<ByteView> const views(batch.submissions.begin(), batch.submissions.end());
    auto const start = seams_.clock.now();
    auto appended =
        batch.copied ? journal_->append_copied(views, *batch.copied) : journal_->append(views);
    auto const flushed = appended ? journal_->flush() : Result<Position>(appended.error());
    return {flushed ? std::move(appended) : Result<Appended>(flushed.error()),
            seams_.clock.now() - start};
}

void PartitionImpl::on_written(WriteBatch const& batch, Written const& written) {
    unanswered_.count -= batch.awaited;
    unanswered_.bytes -= batch.awaited_bytes;
    flushes_are_quick_ = written.took < kQuickFlush;
    if (!written.appended) {
        auto const& why = written.appended.error();
        bool const nothing_written = why.code == Errc::storage_full || why.code == Errc::overloaded;
        if (!nothing_written) {
            stop(why);
            return;
        }
        turn_away(batch, why);
    } else {
        appended_ = written.appended.value().last;
        bytes_since_checkpoint_ += batch.bytes;
        fold_batch(batch, written.appended.value());
        checkpoint_if_due();
    }
    drain_if_quiet();
}

void PartitionImpl::turn_away(WriteBatch const& batch, Error const& why) {
    std::vector<std::uint64_t> tokens;
    for (auto const& token : batch.tokens) {
        if (token) {
            tokens.push_back(*token);
        }
    }
    listener_.on_turned_away(tokens, why);
}

void PartitionImpl::stop(Error why) {
    if (stopped_) {
        return;
    }
    stopped_ = std::move(why);
    queue_.close();
    idle_timer_.reset();
    checkpoint_timer_.reset();
    listener_.on_stopped(*stopped_);
    catching_up_.give_up(*stopped_);
    drain_if_quiet();
}

void PartitionImpl::tend_when_idle() {
    if (stopped_ || draining_) {
        return;
    }
    idle_since_ = seams_.clock.now();
    if (!idle_timer_) {
        watch_idleness(kIdleAfter);
    }
}

/// One timer runs on while publishes come and go: setting one for each lone publish is a system
/// call.
void PartitionImpl::watch_idleness(Duration wait) {
    idle_timer_ = seams_.strand.after(wait, [this] {
        auto const left = kIdleAfter - (seams_.clock.now() - idle_since_);
        if (left > Duration{} && unanswered_.count == 0) {
            watch_idleness(left);
        } else {
            idle_timer_.reset();
            tend_journal();
        }
    });
}

void PartitionImpl::tend_journal() {
    if (stopped_ || draining_ || unanswered_.count > 0) {
        return;
    }
    ++tending_;
    seams_.disk.post([this] {
        auto result = journal_->mark_idle();
        if (result && journal_->spare() != SpareState::ready) {
            result = journal_->prepare_spare();
        }
        bool const more = journal_->spare() != SpareState::ready;
        seams_.strand.post([this, result = std::move(result), more] {
            --tending_;
            if (!result && result.error().code != Errc::storage_full) {
                stop(result.error());
            } else if (!result) {
                tend_when_idle();
            } else if (more) {
                tend_journal();
            }
            drain_if_quiet();
        });
    });
}

}  // namespace capstan
