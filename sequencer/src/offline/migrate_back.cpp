#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/sequencer/migration.hpp>
#include <capstan/sequencer/rebuild.hpp>
#include <utility>

#include "files.hpp"
#include "log_copy.hpp"
#include "migrated_state.hpp"

namespace capstan {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kBatchBytes = 4 * 1'048'576;

class MoveFromLog {
  public:
    MoveFromLog(fs::path const& directory, MigrationOptions const& options, Random& random)
        : directory_(directory),
          part_(directory.string() + ".part"),
          options_(options),
          random_(random) {}
    Result<MigrationReport> run();

  private:
    Result<> take(LogRecord const& record);
    Result<> tell_progress(LogRecord const& record);
    Result<> add(Bytes submission);
    Result<> open_journal(SubmissionView const& genesis);
    Result<> check_copied() const;
    Result<> write();
    Result<> finish();
    Result<> derive();

    fs::path const& directory_;
    fs::path part_;
    MigrationOptions const& options_;
    Random& random_;

    std::unique_ptr<MigratedState> state_;
    std::unique_ptr<LogCopy> log_;
    std::uint64_t bytes_read_ = 0;
    std::unique_ptr<PosixStorage> storage_;
    std::unique_ptr<FileJournal> journal_;
    std::optional<JournalPlace> copied_;  // the end of what an earlier try has left
    std::vector<Bytes> batch_;            // read and not written
    std::uint64_t batch_bytes_ = 0;
    bool has_ended_ = false;
    MigrationReport report_;
};

Result<MigrationReport> MoveFromLog::run() {
    std::error_code error;
    if (fs::exists(directory_, error)) {
        return Error{Errc::config_invalid, directory_.string() + " exists already"};
    }
    std::optional<DataLock> lock;
    if (!options_.dry_run) {
        fs::create_directories(journal_of(part_), error);
        if (error) {
            return io_error(part_, error);
        }
        CAPSTAN_TRY(auto taken, DataLock::take(part_));
        lock.emplace(std::move(taken));
    }
    CAPSTAN_TRY(state_, MigratedState::make());
    CAPSTAN_TRY(log_,
                LogCopy::open(options_, [this](LogRecord const& record) { return take(record); }));
    CAPSTAN_TRY(log_->read_to_end());
    if (!options_.dry_run && journal_ == nullptr) {
        return Error{Errc::not_found, "the log holds no journal"};
    }
    if (!options_.dry_run && !has_ended_) {
        CAPSTAN_TRY(log_->append_own(encode_fold_version(kFoldVersionClosed)));
    }
    report_.position = state_->position();
    report_.chain = state_->chain();
    report_.state_hash = state_->state_hash();
    report_.streams = state_->streams();
    report_.events = state_->events();
    if (!options_.dry_run) {
        CAPSTAN_TRY(finish());
    }
    return report_;
}

/// All up to the record that ends the log.
Result<> MoveFromLog::take(LogRecord const& record) {
    if (has_ended_) {
        return success();
    }
    auto submission = to_submission(record.bytes);
    auto const view = SubmissionView::decode(submission);
    if (view && closes_journal(view.value())) {
        has_ended_ = true;
        return success();
    }
    bool const begins = view && view.value().kind == SubmissionKind::genesis;
    if (begins && journal_ == nullptr && !options_.dry_run) {
        CAPSTAN_TRY(open_journal(view.value()));
    }
    CAPSTAN_TRY(tell_progress(record));
    return add(std::move(submission));
}

/// A log tells its records and not their bytes: the total is what they come to on average.
Result<> MoveFromLog::tell_progress(LogRecord const& record) {
    bytes_read_ += record.bytes.size();
    auto const records = static_cast<std::uint64_t>(record.offset.next().value);
    auto const all = static_cast<std::uint64_t>(log_->end().value);
    return options_.on_bytes ? options_.on_bytes(bytes_read_, bytes_read_ / records * all)
                             : success();
}

Result<> MoveFromLog::add(Bytes submission) {
    CAPSTAN_TRY(state_->add(submission));
    if (options_.dry_run) {
        return success();
    }
    if (copied_ && state_->position() <= copied_->position) {
        batch_.clear();  // what came before the first genesis record
        return check_copied();
    }
    batch_bytes_ += submission.size();
    batch_.push_back(std::move(submission));
    return journal_ != nullptr && batch_bytes_ >= kBatchBytes ? write() : success();
}

/// Goes on behind what an earlier try has left.
Result<> MoveFromLog::open_journal(SubmissionView const& genesis) {
    CAPSTAN_TRY(storage_, PosixStorage::open(journal_of(part_).string()));
    CAPSTAN_TRY(
        auto opened,
        FileJournal::open(*storage_,
                          random_,
                          {.partition = genesis.partition, .lineage = genesis.lineage},
                          [](StoredSubmission const&) -> Result<Visit> { return Visit::next; }));
    journal_ = std::move(opened.journal);
    copied_ = opened.recovery.end;
    report_.found = copied_->position;
    return success();
}

Result<> MoveFromLog::check_copied() const {
    if (state_->position() == copied_->position && state_->chain() != copied_->chain) {
        return Error{Errc::journal_diverged,
                     part_.string() +
                         " holds the beginning of another log: at or before position " +
                         std::to_string(copied_->position.value) + " its records differ"};
    }
    return success();
}

Result<> MoveFromLog::write() {
    if (!batch_.empty()) {
        std::vector<ByteView> const views(batch_.begin(), batch_.end());
        CAPSTAN_TRY(journal_->append(views));
        CAPSTAN_TRY(journal_->flush());
        batch_.clear();
        batch_bytes_ = 0;
    }
    return success();
}

Result<> MoveFromLog::finish() {
    CAPSTAN_TRY(write());
    CAPSTAN_TRY(journal_->mark_idle());
    journal_.reset();
    CAPSTAN_TRY(derive());
    CAPSTAN_TRY(put_in_place(part_, directory_));
    report_.switched = true;
    return success();
}

Result<> MoveFromLog::derive() {
    CAPSTAN_TRY(auto const derived, rebuild_derived(part_, random_, {}));
    bool const is_same = derived.position == report_.position && derived.chain == report_.chain &&
                         derived.state_hash == report_.state_hash;
    if (!is_same) {
        return Error{Errc::journal_diverged,
                     part_.string() + " does not hold what the log gives; remove it and try again"};
    }
    return success();
}

}  // namespace

Result<MigrationReport> migrate_from_log(fs::path const& directory,
                                         MigrationOptions const& options,
                                         Random& random) {
    return MoveFromLog(directory, options, random).run();
}

}  // namespace capstan
