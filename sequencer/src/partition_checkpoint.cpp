#include <capstan/engine/runtime/executor.hpp>

#include "partition_impl.hpp"

namespace capstan {
namespace {

constexpr Duration kRetryFullDiskAfter = std::chrono::seconds(1);
/// Rows that are loaded or made are given back as the next ones come, but most of them only when
/// the checkpoint that has them is committed.
constexpr std::size_t kLooksPerBatch = 256;

template <class Row>
Bytes encoded(Row const& row) {
    Bytes bytes;
    encode(bytes, row);
    return bytes;
}

}  // namespace

void PartitionImpl::schedule_checkpoint() {
    auto const interval = std::chrono::milliseconds(options_.checkpoint_interval_ms);
    checkpoint_timer_ = seams_.strand.after(interval, [this] {
        checkpoint();
        schedule_checkpoint();
    });
}

void PartitionImpl::checkpoint_if_due() {
    if (bytes_since_checkpoint_ - bytes_taken_ >= options_.checkpoint_bytes) {
        checkpoint();
    }
    if (!committing_) {
        rows_.evict(options_.rows_max, kLooksPerBatch);
    }
}

void PartitionImpl::checkpoint() {
    if (committing_ || stopped_ || row_.position == committed_) {
        return;
    }
    auto const number = ++checkpoint_number_;
    auto batch = std::make_shared<CheckpointBatch>();
    rows_.settle(row_);
    rows_.take_dirty(
        number,
        [&](RowCache::Stream const& stream) {
            batch->streams.push_back(
                {stream.row.number, stream.row.name, stream.changed, encoded(stream.row)});
        },
        [&](RowCache::Device const& device) {
            batch->devices.push_back({device.stream, device.device, encoded(device.row)});
        });
    batch->checkpoint = {.position = row_.position,
                         .chain = row_.chain,
                         .segment = folded_place_.segment,
                         .offset = folded_place_.offset,
                         .state_hash = row_.state_hash,
                         .partition_row = encoded(row_)};
    batch->index = index_.take_delta();
    created_taken_ = std::exchange(created_, {});
    bytes_taken_ = bytes_since_checkpoint_;
    committing_ = true;
    if (log_) {
        sync_and_commit(number, std::move(batch));
    } else {
        commit(number, std::move(batch));
    }
}

void PartitionImpl::commit(std::uint64_t number, std::shared_ptr<CheckpointBatch const> batch) {
    seams_.background.post([this, number, batch = std::move(batch)]() mutable {
        auto const result = seams_.checkpoints.commit(*batch);
        seams_.strand.post([this, number, batch = std::move(batch), result]() mutable {
            on_committed(number, std::move(batch), result);
        });
    });
}

/// No checkpoint is ahead of what the disk has of the tape.
void PartitionImpl::sync_and_commit(std::uint64_t number,
                                    std::shared_ptr<CheckpointBatch const> batch) {
    seams_.disk.post([this, number, batch = std::move(batch)]() mutable {
        auto const synced = journal_->sync();
        seams_.strand.post([this, number, synced, batch = std::move(batch)]() mutable {
            if (synced) {
                commit(number, std::move(batch));
            } else {
                on_committed(number, std::move(batch), synced);
            }
        });
    });
}

void PartitionImpl::on_committed(std::uint64_t number,
                                 std::shared_ptr<CheckpointBatch const> batch,
                                 Result<> const& result) {
    if (!result && result.error().code == Errc::storage_full && !stopped_) {
        checkpoint_retry_ = seams_.strand.after(kRetryFullDiskAfter,
                                                [this, number, batch = std::move(batch)]() mutable {
                                                    commit(number, std::move(batch));
                                                });
        return;
    }
    committing_ = false;
    if (!result) {
        stop(result.error());
        return;
    }
    committed_ = batch->checkpoint.position;
    rows_.committed(number);
    rows_.evict(options_.rows_max, 2 * rows_.size());
    index_.committed(committed_, batch->index.retired);
    created_taken_.clear();
    bytes_since_checkpoint_ -= std::exchange(bytes_taken_, 0);
    drain_if_quiet();
}

}  // namespace capstan
