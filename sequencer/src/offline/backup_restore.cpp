#include <algorithm>
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/engine/runtime/random.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/submission.hpp>
#include <capstan/sequencer/backup.hpp>
#include <capstan/sequencer/rebuild.hpp>
#include <utility>

#include "../file_journal/segment.hpp"
#include "files.hpp"

namespace capstan {

using namespace file_journal;

namespace {

namespace fs = std::filesystem;

/// Hash of the bytes of a stored piece; nothing if there are fewer.
Result<std::optional<Hash128>> hash_of(Storage& pieces, BackupPiece const& piece) {
    auto opened = pieces.open(piece.name(), OpenMode::read);
    if (!opened && opened.error().code == Errc::not_found) {
        return std::optional<Hash128>();
    }
    CAPSTAN_TRY(auto const file, std::move(opened));
    Bytes bytes(piece.bytes());
    CAPSTAN_TRY(auto const got, file->pread(bytes, 0));
    return got == bytes.size() ? std::optional(hash128(bytes)) : std::nullopt;
}

/// Pieces that are not what was backed up.
Result<std::vector<JournalProblem>> damaged_pieces(fs::path const& backups,
                                                   BackupManifest const& manifest,
                                                   OnBytes const& on_bytes) {
    CAPSTAN_TRY(auto const pieces, PosixStorage::open((backups / "pieces").string()));
    std::vector<JournalProblem> damaged;
    std::uint64_t done = 0;
    for (auto const& piece : manifest.pieces) {
        CAPSTAN_TRY(auto const hash, hash_of(*pieces, piece));
        if (hash != piece.hash) {
            damaged.push_back(
                {.fault = JournalFault::frame_damaged,
                 .segment = piece.segment,
                 .offset = Offset{piece.from},
                 .first = {},
                 .last = {},
                 .detail = "piece " + piece.name() +
                           (hash ? " is not what was backed up" : " is missing or cut short")});
        }
        done += piece.bytes();
        if (on_bytes) {
            CAPSTAN_TRY(on_bytes(done, manifest.bytes()));
        }
    }
    return damaged;
}

class Restore {
  public:
    Restore(fs::path const& backups,
            BackupManifest const& manifest,
            fs::path const& directory,
            RestoreOptions const& options,
            Random& random,
            OnBytes const& on_bytes)
        : backups_(backups),
          source_(backups, manifest),
          manifest_(manifest),
          directory_(directory),
          part_(directory.string() + ".part"),
          at_(options.at.value_or(manifest.end.position)),
          random_(random),
          on_bytes_(on_bytes) {}
    Result<RestoreReport> run();

  private:
    Result<> prepare();
    Result<> find_cut();
    Result<> copy_segments();
    Result<> end_history();

    fs::path const& backups_;
    BackupStorage source_;
    BackupManifest const& manifest_;
    fs::path const& directory_;
    fs::path part_;
    Position at_;
    Random& random_;
    OnBytes const& on_bytes_;

    std::unique_ptr<PosixStorage> into_;
    SegmentNumber last_segment_;  // to copy
    std::uint64_t last_end_ = 0;  // bytes of it
    std::vector<Bytes> rest_;     // submissions up to `at_` of a frame that goes on behind it
    RestoreReport report_;
};

Result<RestoreReport> Restore::run() {
    std::error_code error;
    if (fs::exists(directory_, error)) {
        return Error{Errc::config_invalid, directory_.string() + " exists already"};
    }
    if (at_ > manifest_.end.position || at_.value == 0) {
        return Error{
            Errc::position_invalid,
            "the backup holds positions 1.." + std::to_string(manifest_.end.position.value)};
    }
    CAPSTAN_TRY(auto const damaged, damaged_pieces(backups_, manifest_, on_bytes_));
    if (!damaged.empty()) {
        return Error{Errc::journal_corrupt, to_string(damaged.front())};
    }
    CAPSTAN_TRY(prepare());
    CAPSTAN_TRY(auto const lock, DataLock::take(part_));
    CAPSTAN_TRY(find_cut());
    CAPSTAN_TRY(copy_segments());
    CAPSTAN_TRY(end_history());
    CAPSTAN_TRY(auto const derived, rebuild_derived(part_, random_, on_bytes_));
    report_.position = at_;
    report_.streams = derived.streams;
    report_.events = derived.events;
    report_.state_hash = derived.state_hash;
    CAPSTAN_TRY(put_in_place(part_, directory_));
    return report_;
}

Result<> Restore::prepare() {
    std::error_code error;
    fs::create_directories(journal_of(part_), error);
    if (error) {
        return io_error(part_, error);
    }
    CAPSTAN_TRY(into_, PosixStorage::open(journal_of(part_).string()));
    return success();
}

/// Reads the backup whole, and notes the last frame that ends at or before the position.
Result<> Restore::find_cut() {
    VerifyHooks hooks;
    hooks.submission = [this](StoredSubmission const& submission) -> Result<Visit> {
        if (submission.position > at_) {
            return Visit::stop;
        }
        rest_.emplace_back(submission.bytes.begin(), submission.bytes.end());
        return Visit::next;
    };
    hooks.frame = [this](FrameExtent const& frame) -> Result<> {
        if (frame.last <= at_ && frame.segment >= last_segment_) {
            last_segment_ = frame.segment;
            last_end_ = frame.offset.value + frame.bytes;
            rest_.clear();
        }
        return success();
    };
    CAPSTAN_TRY(auto const report, verify_journal(source_, hooks));
    if (!report.is_sound() || report.last != manifest_.end.position ||
        report.chain != manifest_.end.chain) {
        return Error{Errc::journal_corrupt,
                     source_.describe() + " is damaged; capstan backup verify tells where"};
    }
    return success();
}

/// Whole files that an earlier try has left are kept; all else goes.
Result<> Restore::copy_segments() {
    CAPSTAN_TRY(auto const wanted, source_.list());
    CAPSTAN_TRY(auto const there, into_->list());
    for (auto const& name : there) {
        auto const number = parse_segment_name(name);
        if (!number || *number >= last_segment_) {
            CAPSTAN_TRY(into_->remove(name));
        }
    }
    for (auto const& name : wanted) {
        auto const number = *parse_segment_name(name);
        if (number > last_segment_) {
            break;
        }
        CAPSTAN_TRY(auto const file, source_.open(name, OpenMode::read));
        CAPSTAN_TRY(auto const size, file->size());
        auto const end = number == last_segment_ ? last_end_ : size;
        if (auto const copied = into_->open(name, OpenMode::read)) {
            CAPSTAN_TRY(auto const bytes, copied.value()->size());
            if (bytes == end) {
                continue;
            }
        }
        CAPSTAN_TRY(copy_file(*file, end, *into_, name));
    }
    return into_->sync();
}

/// The rest of the last frame, then the record that begins a new lineage.
Result<> Restore::end_history() {
    SubmissionVisitor const pass = [](StoredSubmission const&) -> Result<Visit> {
        return Visit::next;
    };
    CAPSTAN_TRY(auto const opened,
                FileJournal::open(*into_,
                                  random_,
                                  {.partition = manifest_.partition, .lineage = manifest_.lineage},
                                  pass));
    auto& journal = *opened.journal;
    if (!rest_.empty()) {
        std::vector<ByteView> const views(rest_.begin(), rest_.end());
        CAPSTAN_TRY(journal.append(views));
    }
    report_.lineage = Lineage{random_.next() | 1};
    auto const record = encode_restore(report_.lineage, manifest_.partition);
    ByteView const view = record;
    CAPSTAN_TRY(auto const appended, journal.append({&view, 1}));
    CAPSTAN_INVARIANT(appended.first == at_.next());
    CAPSTAN_TRY(journal.flush());
    return journal.mark_idle();
}

}  // namespace

Result<RestoreReport> restore_backup(fs::path const& backups,
                                     BackupManifest const& manifest,
                                     fs::path const& directory,
                                     RestoreOptions const& options,
                                     Random& random,
                                     OnBytes const& on_bytes) {
    return Restore(backups, manifest, directory, options, random, on_bytes).run();
}

Result<VerifyReport> verify_backup(fs::path const& backups,
                                   BackupManifest const& manifest,
                                   OnBytes const& on_bytes) {
    CAPSTAN_TRY(auto damaged, damaged_pieces(backups, manifest, on_bytes));
    if (!damaged.empty()) {
        VerifyReport report;
        report.problems = std::move(damaged);
        return report;
    }
    BackupStorage storage(backups, manifest);
    CAPSTAN_TRY(auto report, verify_journal(storage));
    if (report.last != manifest.end.position || report.chain != manifest.end.chain) {
        report.problems.push_back({.fault = JournalFault::positions_broken,
                                   .segment = manifest.end.segment,
                                   .offset = manifest.end.offset,
                                   .first = report.last,
                                   .last = manifest.end.position,
                                   .detail = "its end is not what the manifest says"});
    }
    return report;
}

}  // namespace capstan
