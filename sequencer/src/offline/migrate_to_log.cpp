#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/sequencer/lmdb_checkpoint_store.hpp>
#include <capstan/sequencer/migration.hpp>
#include <capstan/sequencer/rebuild.hpp>
#include <utility>

#include "log_copy.hpp"
#include "migrated_state.hpp"
#include "segment_files.hpp"

namespace capstan {
namespace {

namespace fs = std::filesystem;

std::string text_of(Position position) {
    return "position " + std::to_string(position.value);
}

class MoveToLog {
  public:
    MoveToLog(fs::path const& directory, MigrationOptions const& options)
        : directory_(directory), options_(options) {}
    Result<MigrationReport> run();

  private:
    Result<> open_directory();
    Result<> take_lock();
    Result<> read_checkpoint();
    Result<> read_log();
    Result<> take_logged(LogRecord const& record);
    Result<> read_journal();
    Result<Visit> take(StoredSubmission const& submission);
    Result<> add(ByteView submission);
    Result<> check_copied(StoredSubmission const& submission) const;
    Result<> check_end() const;
    /// The log goes on behind the copies.
    bool is_complete() const { return report_.found > copied_; }
    Result<> check_read_back() const;
    Result<> switch_over();
    Result<> finish();

    fs::path const& directory_;
    MigrationOptions const& options_;
    std::optional<DataLock> lock_;
    std::unique_ptr<PosixStorage> data_;
    std::unique_ptr<PosixStorage> journal_;
    SegmentBytes sizes_;
    SegmentNumber open_segment_;
    std::optional<Checkpoint> checkpoint_;  // what the server derived, if nobody serves now

    std::unique_ptr<MigratedState> state_;
    std::unique_ptr<LogCopy> log_;
    Position copied_;       // the last copy that the log had
    Hash128 copied_chain_;  // there
    Position last_;         // of the journal, as far as it is copied
    Hash128 last_chain_;
    MigrationReport report_;
};

Result<MigrationReport> MoveToLog::run() {
    CAPSTAN_TRY(open_directory());
    CAPSTAN_TRY(auto const mark, read_cluster_mark(*data_));
    if (mark && *mark != options_.mark) {
        return Error{Errc::journal_foreign,
                     directory_.string() + " belongs to cluster " + mark->cluster};
    }
    CAPSTAN_TRY(state_, MigratedState::make());
    if (options_.open_log) {
        CAPSTAN_TRY(read_log());
    }
    last_ = copied_;
    last_chain_ = copied_chain_;
    report_.switched = mark && is_complete();
    if (!report_.switched) {
        CAPSTAN_TRY(read_journal());
        CAPSTAN_TRY(finish());
    }
    report_.position = last_;
    report_.chain = last_chain_;
    report_.streams = state_->streams();
    report_.events = state_->events();
    return report_;
}

Result<> MoveToLog::open_directory() {
    CAPSTAN_TRY(data_, PosixStorage::open(directory_.string()));
    CAPSTAN_TRY(journal_, PosixStorage::open(journal_of(directory_).string()));
    CAPSTAN_TRY(sizes_, SegmentBytes::of(*journal_));
    if (sizes_.total() == 0) {
        return Error{Errc::not_found, journal_->describe() + " holds no journal"};
    }
    CAPSTAN_TRY(auto const names, journal_->list());
    open_segment_ = file_journal::segments_in(names).back();
    return take_lock();
}

/// Beside a server there is none.
Result<> MoveToLog::take_lock() {
    auto lock = DataLock::take(directory_);
    if (lock) {
        lock_.emplace(std::move(lock).value());
        return read_checkpoint();
    }
    return lock.error().code == Errc::journal_locked ? success() : Result<>(lock.error());
}

Result<> MoveToLog::read_checkpoint() {
    std::error_code ignored;
    if (fs::exists(index_of(directory_) / "data.mdb", ignored)) {
        CAPSTAN_TRY(auto const store,
                    LmdbCheckpointStore::open({.directory = index_of(directory_)}));
        CAPSTAN_TRY(checkpoint_, store->load());
    }
    return success();
}

Result<> MoveToLog::read_log() {
    CAPSTAN_TRY(log_, LogCopy::open(options_, [this](LogRecord const& record) {
                    return take_logged(record);
                }));
    CAPSTAN_TRY(log_->read_to_end());
    report_.found = log_->last();
    return success();
}

Result<> MoveToLog::take_logged(LogRecord const& record) {
    bool const is_copy = log_->is_being_filled();
    if (!is_copy && state_->position() == copied_) {
        report_.state_hash = state_->state_hash();
    }
    CAPSTAN_TRY(add(to_submission(record.bytes)));
    if (is_copy) {
        copied_ = state_->position();
        copied_chain_ = state_->chain();
    }
    return success();
}

/// The next submission of the log, or of a dry run. The server's own state has to come out.
Result<> MoveToLog::add(ByteView submission) {
    CAPSTAN_TRY(state_->add(submission));
    bool const is_at_checkpoint = checkpoint_ && state_->position() == checkpoint_->position;
    if (is_at_checkpoint && state_->state_hash() != checkpoint_->state_hash) {
        return Error{Errc::index_damaged,
                     "the index at " + text_of(checkpoint_->position) +
                         " is not what the journal gives; capstan verify --deep tells more"};
    }
    return success();
}

Result<> MoveToLog::read_journal() {
    CAPSTAN_TRY(auto const verified,
                verify_journal(*journal_, [this](StoredSubmission const& submission) {
                    return take(submission);
                }));
    if (!verified.is_sound()) {
        return Error{Errc::journal_corrupt, to_string(verified.problems.front())};
    }
    return check_end();
}

Result<Visit> MoveToLog::take(StoredSubmission const& submission) {
    // The segment that a server writes to may lose its end in a crash; those before may not.
    if (!lock_ && !options_.dry_run && submission.segment == open_segment_) {
        return Visit::stop;
    }
    last_ = submission.position;
    last_chain_ = submission.chain;
    if (options_.on_bytes) {
        CAPSTAN_TRY(options_.on_bytes(sizes_.through(submission.segment, submission.offset),
                                      sizes_.total()));
    }
    CAPSTAN_TRY(check_copied(submission));
    if (last_ > copied_ && options_.dry_run) {
        CAPSTAN_TRY(add(submission.bytes));
    } else if (last_ > copied_) {
        CAPSTAN_TRY(log_->append_copy(last_, submission.bytes));
    }
    return Visit::next;
}

/// Nothing goes to a log that holds something else.
Result<> MoveToLog::check_copied(StoredSubmission const& submission) const {
    if (submission.position == copied_ && submission.chain != copied_chain_) {
        return Error{Errc::journal_foreign,
                     "the log holds another journal: at or before " + text_of(copied_) +
                         " its records are not those of " + journal_->describe()};
    }
    if (submission.position > copied_ && is_complete()) {
        return Error{Errc::journal_foreign,
                     "the log goes on behind " + text_of(copied_) +
                         " with records that are not of " + journal_->describe() +
                         ": it is the journal of a cluster already"};
    }
    return success();
}

Result<> MoveToLog::check_end() const {
    if (last_ < copied_ && lock_) {
        return Error{Errc::journal_foreign,
                     "the log holds another journal: it goes to " + text_of(copied_) + ", " +
                         journal_->describe() + " to " + text_of(last_)};
    }
    return success();
}

Result<> MoveToLog::finish() {
    if (!options_.dry_run) {
        CAPSTAN_TRY(log_->read_to(last_));
        CAPSTAN_TRY(check_read_back());
    }
    if (!is_complete()) {
        report_.state_hash = state_->state_hash();
    }
    return options_.dry_run || !lock_ ? success() : switch_over();
}

Result<> MoveToLog::check_read_back() const {
    if (state_->position() == last_ && state_->chain() != last_chain_) {
        return Error{Errc::journal_diverged,
                     "the log does not hold what was copied, at or before " + text_of(last_)};
    }
    return success();
}

/// First nobody serves the directory alone any more, then nodes may serve the log.
Result<> MoveToLog::switch_over() {
    CAPSTAN_TRY(write_cluster_mark(*data_, options_.mark));
    if (!is_complete()) {
        auto const& beacon = state_->beacon();
        bool const has_one = beacon.position > Position{};
        CAPSTAN_TRY(log_->append_own(has_one ? encode_beacon(beacon) : encode_heartbeat()));
    }
    report_.switched = true;
    return success();
}

}  // namespace

Result<MigrationReport> migrate_to_log(fs::path const& directory, MigrationOptions const& options) {
    return MoveToLog(directory, options).run();
}

}  // namespace capstan
