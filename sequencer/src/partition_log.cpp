#include <capstan/engine/runtime/executor.hpp>
#include <capstan/engine/runtime/random.hpp>

#include "partition_impl.hpp"

// Over a shared log: what is submitted goes to the log, and what the log has goes to the tape and
// the fold, whoever submitted it.
namespace capstan {
namespace {

constexpr Duration kLogTick = std::chrono::seconds(1);
constexpr std::size_t kRecordsPerRead = 64;
constexpr std::size_t kRecordsAheadMax = 4'096;
/// While the strand folds one batch, the disk thread writes the next.
constexpr int kCopiesMax = 3;
/// From here on the tokens of what a node writes by itself. Nobody waits for it.
constexpr std::uint64_t kOwnTokens = std::uint64_t{1} << 63;

/// The record as the tape keeps it: itself, or a stand-in for what is no submission.
Bytes to_submission(ByteView record) {
    auto const length = submission_length(record);
    bool const is_whole = length && length.value() == record.size();
    return is_whole ? Bytes(record.begin(), record.end()) : encode_stand_in(record);
}

Result<Bytes> last_submission(FileJournal& tape) {
    Position const last = tape.durable();
    CAPSTAN_TRY(auto const before, tape.locate(Position{last.value - 1}));
    Bytes found;
    CAPSTAN_TRY(tape.read(before, [&](StoredSubmission const& stored) -> Result<Visit> {
        found.assign(stored.bytes.begin(), stored.bytes.end());
        return Visit::next;
    }));
    return found;
}

}  // namespace

/// Goes on where the tape ends. The tape's last submission is read once more: another record there
/// means another history.
Result<> PartitionImpl::join_log() {
    is_ready_ = false;
    LogOffset from;
    if (auto const copied = journal_->copied()) {
        CAPSTAN_TRY(auto submission, last_submission(*journal_));
        resumed_ = {*copied, std::move(submission)};
        folded_offset_ = *copied;
        from = *copied;
    }
    gate_ = std::make_shared<CopyGate>(seams_.disk, [this] { copy_from_log(); });
    CAPSTAN_TRY(log_, seams_.open_log(from, [gate = gate_] { gate->ask(); }));
    gate_->open();
    gate_->ask();
    find_end();
    tick_log();
    return success();
}

/// On the disk thread.
void PartitionImpl::copy_from_log() {
    if (copies_ >= kCopiesMax) {
        return;  // the strand asks again
    }
    auto read = unwritten_.empty() ? read_log() : Result<WriteBatch>(std::move(unwritten_));
    if (!read) {
        seams_.strand.post([this, why = read.error()] { stop(why); });
        return;
    }
    auto batch = std::move(read).value();
    unwritten_ = {};
    if (batch.empty()) {
        return;
    }
    auto written = write(batch);
    if (!written.appended && written.appended.error().code != Errc::storage_failed) {
        unwritten_ = std::move(batch);  // it is in the log: it waits for room, until the next tick
        return;
    }
    ++copies_;
    gate_->ask();
    seams_.strand.post([this, batch = std::move(batch), written = std::move(written)] {
        --copies_;
        if (stopped_) {
            return;
        }
        on_written(batch, written);
        tend_when_idle();
        catching_up_.folded(folded_offset_.next());
        become_ready_if_caught_up();
        gate_->ask();
    });
    if (journal_->spare() == SpareState::urgent) {
        static_cast<void>(journal_->prepare_spare());  // a full disk shows at the next append
    }
}

/// One batch of what the log has next; empty if there is nothing for now.
Result<WriteBatch> PartitionImpl::read_log() {
    auto const take = [this](LogRecord const& record) {
        bool const nobody_waits = record.seen >= kOwnTokens;
        has_seen_own_ = has_seen_own_ || (record.seen && nobody_waits);
        read_bytes_ += record.bytes.size();
        read_.push_back({to_submission(record.bytes),
                         nobody_waits ? std::nullopt : record.seen,
                         record.offset});
    };
    while (read_bytes_ < options_.batch_bytes_max && read_.size() < kRecordsAheadMax) {
        CAPSTAN_TRY(auto const count, log_->read(kRecordsPerRead, take));
        if (count == 0) {
            break;
        }
    }
    if (resumed_ && !read_.empty()) {
        CAPSTAN_TRY(check_resumed());
    }
    WriteBatch batch;
    while (!read_.empty() && batch.bytes < options_.batch_bytes_max / 2) {
        auto& next = read_.front();
        read_bytes_ -= next.submission.size();
        batch.copied = next.offset;
        batch.add(std::move(next.submission), next.token);
        read_.pop_front();
    }
    return batch;
}

/// The first record that is read has to be the tape's last.
Result<> PartitionImpl::check_resumed() {
    auto const expected = std::exchange(resumed_, std::nullopt);
    auto const& first = read_.front();
    if (first.offset != expected->first || first.submission != expected->second) {
        return Error{Errc::journal_diverged,
                     "offset " + std::to_string(expected->first.value) +
                         " of the log is not the record that this node read there before"};
    }
    read_bytes_ -= first.submission.size();
    read_.pop_front();
    return success();
}

void PartitionImpl::catch_up(std::function<void(Result<> const&)> done) {
    if (stopped_) {
        done(*stopped_);
    } else if (!log_) {
        done(success());
    } else {
        catching_up_.add(std::move(done));
        ask_for_end();
    }
}

/// How far the log goes at this moment: what devices have seen on other nodes lies before that.
void PartitionImpl::ask_for_end() {
    if (!catching_up_.take_question()) {
        return;
    }
    seams_.disk.post(
        [this] { seams_.strand.post([this, extent = log_->extent()] { on_end(extent); }); });
}

void PartitionImpl::on_end(Result<LogExtent> const& extent) {
    if (stopped_) {
        return;
    }
    if (extent) {
        log_end_ = extent.value().end;
        catching_up_.answered(*log_end_);
        catching_up_.folded(folded_offset_.next());
        become_ready_if_caught_up();
    } else {
        catching_up_.failed(extent.error());
    }
    ask_for_end();
}

std::optional<LogProgress> PartitionImpl::log_progress() const {
    return log_end_ ? std::optional(LogProgress{folded_offset_.next(), *log_end_}) : std::nullopt;
}

void PartitionImpl::close() {
    if (gate_) {
        gate_->close();
    }
}

/// Until the log has said once how far it goes.
void PartitionImpl::find_end() {
    if (!log_end_) {
        catch_up([](Result<> const&) {});
    }
}

/// A node is ready when it has read a record of its own behind all that was there: the first
/// publish would else wait for the producer's greeting. The first node of a cluster finds an empty
/// log and begins it; if two do, the first record counts.
void PartitionImpl::become_ready_if_caught_up() {
    if (is_ready_ || stopped_ || !log_end_ || folded_offset_.next() < *log_end_) {
        return;
    }
    if (own_records_ == 0) {
        write_own(row_.has_genesis()
                      ? encode_heartbeat()
                      : encode_genesis(Lineage{seams_.random.next()}, options_.partition));
    }
    is_ready_ = has_seen_own_ && row_.has_genesis();
}

void PartitionImpl::write_own(Bytes record) {
    if (log_->append(std::move(record), kOwnTokens + own_records_)) {
        ++own_records_;
    }
}

void PartitionImpl::tick_log() {
    log_timer_ = seams_.strand.after(kLogTick, [this] {
        seams_.disk.post([this] {
            log_->tick();
            copy_from_log();
        });
        find_end();
        become_ready_if_caught_up();
        tick_log();
    });
}

}  // namespace capstan
