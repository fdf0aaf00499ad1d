#include <capstan/engine/runtime/executor.hpp>

#include "partition_impl.hpp"

namespace capstan {
namespace {

constexpr Duration kIdleAfter = std::chrono::milliseconds(50);
/// Publishing waits when so many times `checkpoint_bytes` are not in a checkpoint yet.
constexpr std::size_t kCheckpointLagMax = 4;

}  // namespace

Result<> PartitionImpl::submit(Bytes submission, std::uint64_t token) {
    if (stopped_) {
        return *stopped_;
    }
    if (draining_) {
        return Error{Errc::not_ready, "the server is shutting down"};
    }
    if (submission.size() > kSubmissionBytesMax) {
        return Error{Errc::too_large,
                     "submission of " + std::to_string(submission.size()) + " bytes"};
    }
    // An empty queue takes anything, or what is larger than the queue would never get through.
    bool const is_full = queued_.bytes + submission.size() > options_.queue_bytes_max;
    if (is_full && queued_.bytes > 0) {
        return Error{Errc::overloaded, "the journal's queue is full"};
    }
    if (bytes_since_checkpoint_ > kCheckpointLagMax * options_.checkpoint_bytes) {
        return Error{Errc::overloaded, "checkpoints have fallen behind"};
    }
    queued_.bytes += submission.size();
    queued_.submissions.push_back(std::move(submission));
    queued_.tokens.push_back(token);
    start_batch();
    return success();
}

PartitionImpl::Batch PartitionImpl::take_batch() {
    if (queued_.bytes <= options_.batch_bytes_max) {
        return std::exchange(queued_, {});
    }
    Batch batch;
    std::size_t count = 0;
    while (batch.bytes < options_.batch_bytes_max) {
        batch.bytes += queued_.submissions[count].size();
        batch.submissions.push_back(std::move(queued_.submissions[count]));
        batch.tokens.push_back(queued_.tokens[count]);
        ++count;
    }
    auto const taken = static_cast<std::ptrdiff_t>(count);
    queued_.submissions.erase(queued_.submissions.begin(), queued_.submissions.begin() + taken);
    queued_.tokens.erase(queued_.tokens.begin(), queued_.tokens.begin() + taken);
    queued_.bytes -= batch.bytes;
    return batch;
}

void PartitionImpl::start_batch() {
    if (writing_ || stopped_ || queued_.submissions.empty()) {
        return;
    }
    writing_ = true;
    idle_timer_.reset();
    auto batch = std::make_shared<Batch>(take_batch());
    seams_.disk.post([this, batch = std::move(batch)]() mutable {
        auto appended = write(*batch);
        seams_.strand.post([this, batch = std::move(batch), appended = std::move(appended)] {
            on_written(*batch, appended);
        });
        if (journal_->spare() == SpareState::urgent) {
            static_cast<void>(journal_->prepare_spare());  // a full disk shows at the next append
        }
    });
}

Result<Appended> PartitionImpl::write(Batch const& batch) {
    std::vector<ByteView> const views(batch.submissions.begin(), batch.submissions.end());
    CAPSTAN_TRY(auto appended, journal_->append(views));
    CAPSTAN_TRY(journal_->flush());
    return appended;
}

void PartitionImpl::on_written(Batch const& batch, Result<Appended> const& appended) {
    writing_ = false;
    if (!appended) {
        auto const& why = appended.error();
        bool const nothing_written = why.code == Errc::storage_full || why.code == Errc::overloaded;
        if (!nothing_written) {
            stop(why);
            return;
        }
        listener_.on_turned_away(batch.tokens, why);
        tend_when_idle();
    } else {
        appended_ = appended.value().last;
        bytes_since_checkpoint_ += batch.bytes;
        start_batch();  // the disk works while this batch is folded
        fold_batch(batch, appended.value());
        checkpoint_if_due();
    }
    start_batch();
    if (!writing_) {
        tend_when_idle();
    }
    drain_if_quiet();
}

void PartitionImpl::stop(Error why) {
    if (stopped_) {
        return;
    }
    stopped_ = std::move(why);
    queued_ = {};
    idle_timer_.reset();
    checkpoint_timer_.reset();
    listener_.on_stopped(*stopped_);
    drain_if_quiet();
}

void PartitionImpl::tend_when_idle() {
    if (draining_) {
        return;
    }
    idle_timer_ = seams_.strand.after(kIdleAfter, [this] { tend_journal(); });
}

void PartitionImpl::tend_journal() {
    if (stopped_ || writing_ || draining_) {
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
