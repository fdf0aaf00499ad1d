#include <algorithm>
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/sequencer/derivation.hpp>
#include <capstan/sequencer/lmdb_checkpoint_store.hpp>
#include <capstan/sequencer/rebuild.hpp>
#include <map>
#include <utility>

#include "files.hpp"
#include "segment_files.hpp"

namespace capstan {
namespace {

namespace fs = std::filesystem;

constexpr char const* kLock = "lock";
constexpr char const* kNew = "index.new";
constexpr char const* kReplaced = "index.replaced";

class Rebuild {
  public:
    Rebuild(fs::path const& directory, Random& random, OnBytes const& on_bytes)
        : directory_(directory), random_(random), on_bytes_(on_bytes) {}
    Result<RebuildReport> run();

  private:
    void read_old();
    Result<> derive();
    Result<Visit> take(StoredSubmission const& submission);
    Result<> take_footer(SegmentNumber segment, ByteView footer);
    Result<> write_footers(FileJournal& journal);
    Result<> drop_footer(SegmentNumber segment, Offset frame);
    Result<> put_in_place();

    fs::path const& directory_;
    Random& random_;
    OnBytes const& on_bytes_;
    RebuildReport report_;
    std::optional<Checkpoint> old_;
    std::unique_ptr<PosixStorage> journal_;
    SegmentBytes sizes_;
    std::optional<Derivation> derivation_;
    std::map<SegmentNumber, Bytes> wanted_;  // footers that are not there as they should be
};

Result<RebuildReport> Rebuild::run() {
    std::error_code error;
    fs::remove_all(directory_ / kNew, error);
    if (error) {
        return io_error(directory_ / kNew, error);
    }
    CAPSTAN_TRY(journal_, PosixStorage::open(journal_of(directory_).string()));
    CAPSTAN_TRY(sizes_, SegmentBytes::of(*journal_));
    if (sizes_.total() == 0) {
        return Error{Errc::not_found, journal_->describe() + " holds no journal"};
    }
    read_old();
    auto const derived = derive();
    if (!derived) {
        derivation_.reset();
        fs::remove_all(directory_ / kNew, error);  // half an index is of no use to anybody
        return derived.error();
    }
    CAPSTAN_TRY(put_in_place());
    return report_;
}

/// What can't be read is not compared.
void Rebuild::read_old() {
    std::error_code ignored;
    if (!fs::exists(index_of(directory_) / "data.mdb", ignored)) {
        return;
    }
    if (auto const store = LmdbCheckpointStore::open({.directory = index_of(directory_)}); store) {
        if (auto loaded = store.value()->load(); loaded) {
            old_ = std::move(loaded).value();
        }
    }
    if (old_) {
        report_.old_position = old_->position;
    }
}

Result<> Rebuild::derive() {
    CAPSTAN_TRY(auto const store, LmdbCheckpointStore::open({.directory = directory_ / kNew}));
    derivation_.emplace(*store, [this](SegmentNumber segment, ByteView footer) {
        return take_footer(segment, footer);
    });
    auto const visit = [this](StoredSubmission const& submission) { return take(submission); };
    CAPSTAN_TRY(auto const first, partition_of_journal(*journal_));
    CAPSTAN_TRY(auto const opened,
                FileJournal::open(*journal_, random_, {.partition = first}, visit));
    CAPSTAN_TRY(derivation_->finish(opened.journal->describe().open_segment));
    CAPSTAN_TRY(write_footers(*opened.journal));
    report_.position = derivation_->position();
    report_.chain = derivation_->chain();
    report_.state_hash = derivation_->state_hash();
    report_.streams = derivation_->streams();
    report_.events = derivation_->events();
    report_.malformed = derivation_->malformed();
    derivation_.reset();
    return success();
}

Result<Visit> Rebuild::take(StoredSubmission const& submission) {
    CAPSTAN_TRY(derivation_->add(submission));
    if (old_ && submission.position == old_->position) {
        report_.old_agrees =
            old_->chain == submission.chain && old_->state_hash == derivation_->state_hash();
    }
    if (on_bytes_) {
        CAPSTAN_TRY(
            on_bytes_(sizes_.through(submission.segment, submission.offset), sizes_.total()));
    }
    return Visit::next;
}

Result<> Rebuild::take_footer(SegmentNumber segment, ByteView footer) {
    CAPSTAN_TRY(auto const stored, read_footer(*journal_, segment));
    if (!stored || !std::ranges::equal(stored->bytes, footer)) {
        wanted_.emplace(segment, Bytes(footer.begin(), footer.end()));
    }
    return success();
}

Result<> Rebuild::write_footers(FileJournal& journal) {
    for (auto const& [segment, footer] : wanted_) {
        CAPSTAN_TRY(auto const stored, read_footer(*journal_, segment));
        if (stored) {
            CAPSTAN_TRY(drop_footer(segment, stored->frame));
        }
        CAPSTAN_TRY(journal.seal(segment, footer));
        ++report_.footers_written;
    }
    return success();
}

/// A footer that is whole and wrong: the segment is as if it had never been sealed.
Result<> Rebuild::drop_footer(SegmentNumber segment, Offset frame) {
    CAPSTAN_TRY(auto const file,
                journal_->open(file_journal::segment_name(segment), OpenMode::write));
    CAPSTAN_TRY(file->truncate(frame.value));
    return file->datasync();
}

Result<> Rebuild::put_in_place() {
    std::error_code error;
    auto const index = index_of(directory_);
    fs::remove_all(directory_ / kReplaced, error);
    if (!error && fs::exists(index)) {
        fs::rename(index, directory_ / kReplaced, error);
    }
    if (!error) {
        fs::rename(directory_ / kNew, index, error);
    }
    if (error) {
        return io_error(index, error);
    }
    CAPSTAN_TRY(auto const data, PosixStorage::open(directory_.string()));
    return data->sync();
}

}  // namespace

Result<RebuildReport> rebuild_derived(fs::path const& directory,
                                      Random& random,
                                      OnBytes const& on_bytes) {
    return Rebuild(directory, random, on_bytes).run();
}

DataLock::DataLock(std::unique_ptr<Storage> storage, std::unique_ptr<StorageLock> lock)
    : storage_(std::move(storage)), lock_(std::move(lock)) {}
DataLock::DataLock(DataLock&&) noexcept = default;
DataLock::~DataLock() = default;

Result<DataLock> DataLock::take(fs::path const& directory) {
    CAPSTAN_TRY(auto storage, PosixStorage::open(directory.string()));
    CAPSTAN_TRY(auto lock, storage->lock(kLock));
    return DataLock(std::move(storage), std::move(lock));
}

}  // namespace capstan
