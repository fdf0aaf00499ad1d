#include <algorithm>
#include <capstan/engine/runtime/executor.hpp>
#include <capstan/engine/runtime/random.hpp>

#include "log_sequence.hpp"
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
/// means another history. A tape that does not say where that stands was a journal of its own,
/// which was copied to the log: what it has is passed over.
Result<> PartitionImpl::join_log() {
    is_ready_ = false;
    auto const last = journal_->durable();
    LogOffset from;
    if (last > Position{}) {
        CAPSTAN_TRY(auto submission, last_submission(*journal_));
        resumed_ = {last, journal_->copied(), std::move(submission)};
    }
    if (auto const copied = journal_->copied()) {
        folded_offset_ = *copied;
        from = *copied;
        sequence_ = LogSequence(Position{last.value - 1});
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
        if (auto const passed = std::exchange(passed_over_, std::nullopt)) {
            seams_.strand.post([this, last = *passed] { pass_over(last); });
            gate_->ask();
        }
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
    Result<> taken = success();
    auto const take = [&](LogRecord const& record) {
        if (taken) {
            taken = take_record(record);
        }
    };
    std::size_t count = 1;
    for (std::size_t read = 0;
         count > 0 && read < kRecordsAheadMax && read_bytes_ < options_.batch_bytes_max &&
         read_.size() < kRecordsAheadMax;
         read += count) {
        CAPSTAN_TRY(count, log_->read(kRecordsPerRead, take));
        CAPSTAN_TRY(taken);
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

Result<> PartitionImpl::take_record(LogRecord const& record) {
    CAPSTAN_TRY(bool const is_next, sequence_.take(record));
    is_being_filled_ = sequence_.is_being_filled();
    if (!is_next) {
        passed_over_ = record.offset;
        return success();
    }
    auto submission = to_submission(record.bytes);
    if (resumed_) {
        passed_over_ = record.offset;
        return check_resumed(record.offset, submission);
    }
    bool const nobody_waits = record.seen >= kOwnTokens;
    has_seen_own_ = has_seen_own_ || (record.seen && nobody_waits);
    read_bytes_ += submission.size();
    read_.push_back(
        {std::move(submission), nobody_waits ? std::nullopt : record.seen, record.offset});
    return success();
}

/// The record at the place of the tape's last one has to be that one.
Result<> PartitionImpl::check_resumed(LogOffset offset, Bytes const& submission) {
    if (sequence_.last() < resumed_->position) {
        return success();
    }
    auto const expected = *std::exchange(resumed_, std::nullopt);
    if (offset != expected.offset.value_or(offset) || submission != expected.submission) {
        return Error{Errc::journal_diverged,
                     "offset " + std::to_string(offset.value) +
                         " of the log is not the record that this node has at position " +
                         std::to_string(expected.position.value)};
    }
    return success();
}

/// On the strand. Nothing that was read before is still to be folded.
void PartitionImpl::pass_over(LogOffset last) {
    folded_offset_ = std::max(folded_offset_, last);
    catching_up_.folded(folded_offset_.next());
    become_ready_if_caught_up();
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
    if (!log_end_) {
        return std::nullopt;
    }
    return LogProgress{.next = folded_offset_.next(),
                       .end = *log_end_,
                       .is_being_filled = is_being_filled_,
                       .beacons_disagreed = beacons_disagreed_};
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
/// log and begins it; if two do, the first record counts. While a migration fills the log, a node
/// waits and writes nothing.
void PartitionImpl::become_ready_if_caught_up() {
    bool const has_caught_up = log_end_ && folded_offset_.next() >= *log_end_;
    if (is_ready_ || stopped_ || !has_caught_up || is_being_filled_) {
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

/// Nodes tick at moments of their own, so most of the time one of them writes and the others have
/// read it before they would.
void PartitionImpl::write_beacon_if_due() {
    if (is_ready_ && !stopped_ && !row_.marks.empty() &&
        row_.marks.back().position > beacon_position_) {
        write_own(encode_beacon(row_.marks.back()));
    }
}

/// Someone says what the state was at a position that this node noted, too.
Result<> PartitionImpl::check_beacon(Beacon const& beacon, BeaconCheck check) {
    beacon_position_ = std::max(beacon_position_, beacon.position);
    if (check != BeaconCheck::disagrees) {
        return success();
    }
    auto const where = "position " + std::to_string(beacon.position.value);
    auto const noted = std::ranges::find(row_.marks, beacon.position, &Beacon::position);
    if (noted->submission_chain != beacon.submission_chain) {
        return Error{Errc::journal_diverged,
                     "the records up to " + where + " are not those that another node has read"};
    }
    if (!is_folded_whole_) {
        return Error{Errc::index_damaged,
                     "the state at " + where + " is not the one that another node has"};
    }
    ++beacons_disagreed_;
    return success();
}

void PartitionImpl::tick_log() {
    log_timer_ = seams_.strand.after(kLogTick, [this] {
        seams_.disk.post([this] {
            log_->tick();
            copy_from_log();
        });
        find_end();
        become_ready_if_caught_up();
        write_beacon_if_due();
        tick_log();
    });
}

}  // namespace capstan
