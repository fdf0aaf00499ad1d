#include <algorithm>
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/sequencer/backup.hpp>
#include <cstdio>
#include <utility>

#include "../file_journal/walk.hpp"
#include "files.hpp"
#include "segment_files.hpp"

namespace capstan {

using namespace file_journal;

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPieceBytes = 16 * 1'048'576;

std::string manifest_name(std::uint32_t number) {
    char text[32];
    std::snprintf(text, sizeof text, "backup-%06u", number);
    return text;
}

class BackupMaker {
  public:
    BackupMaker(fs::path const& directory, fs::path const& backups, OnBytes const& on_bytes)
        : directory_(directory), backups_(backups), on_bytes_(on_bytes) {}
    Result<BackupManifest> run(WallTime now);

  private:
    /// Behind a frame, and when something that declares this position durable settles it.
    struct Unsettled {
        JournalPlace place;
        Position settled_at;
    };

    Result<> start();
    Result<> check_goes_on();
    Result<> walk();
    Result<> walk_segment(Walk& walk);
    Result<bool> take_frames(Walk& walk, ReadWindow& window);
    void settle(Position declared);
    Result<> take_pieces();
    Result<> take_piece(BackupPiece piece);

    fs::path const& directory_;
    fs::path const& backups_;
    OnBytes const& on_bytes_;
    std::unique_ptr<PosixStorage> journal_;
    std::unique_ptr<PosixStorage> into_;
    std::unique_ptr<PosixStorage> pieces_;
    SegmentBytes sizes_;
    BackupManifest manifest_;  // the newest one, then the new one
    std::unique_ptr<File> file_;
    SegmentHeader header_;
    std::vector<Unsettled> unsettled_;
};

Result<BackupManifest> BackupMaker::run(WallTime now) {
    CAPSTAN_TRY(journal_, PosixStorage::open(journal_of(directory_).string()));
    CAPSTAN_TRY(sizes_, SegmentBytes::of(*journal_));
    CAPSTAN_TRY(into_, PosixStorage::open_or_create(backups_.string()));
    CAPSTAN_TRY(pieces_, PosixStorage::open_or_create((backups_ / "pieces").string()));
    // Two at once would give two manifests one number.
    CAPSTAN_TRY(auto const lock, into_->lock("lock"));
    CAPSTAN_TRY(start());
    CAPSTAN_TRY(walk());
    CAPSTAN_TRY(pieces_->sync());
    ++manifest_.number;
    manifest_.created = now;
    auto const text = encode(manifest_);
    CAPSTAN_TRY(write_file(*into_, manifest_name(manifest_.number), as_bytes(text)));
    CAPSTAN_TRY(into_->sync());
    return std::move(manifest_);
}

Result<> BackupMaker::start() {
    CAPSTAN_TRY(auto all, list_backups(backups_));
    if (!all.empty()) {
        manifest_ = std::move(all.back());
        manifest_.bytes_added = 0;
        return check_goes_on();
    }
    CAPSTAN_TRY(auto const names, journal_->list());
    auto const numbers = segments_in(names);
    if (numbers.empty()) {
        return Error{Errc::not_found, journal_->describe() + " holds no journal"};
    }
    CAPSTAN_TRY(auto const file, journal_->open(segment_name(numbers.front()), OpenMode::read));
    CAPSTAN_TRY(auto const header, read_segment_header(*file, numbers.front()));
    manifest_.partition = header.partition;
    manifest_.lineage = header.lineage;
    manifest_.end = {Position{header.first_position.value - 1},
                     header.chain,
                     numbers.front(),
                     Offset{block_bytes(header.block_shift)}};
    return success();
}

/// The journal still holds what the newest backup took last.
Result<> BackupMaker::check_goes_on() {
    auto const& last = manifest_.pieces.back();
    Bytes bytes(last.bytes());
    auto const read = [&]() -> Result<std::size_t> {
        CAPSTAN_TRY(auto const file, journal_->open(segment_name(last.segment), OpenMode::read));
        return file->pread(bytes, last.from);
    };
    auto const got = read();
    bool const there = got && got.value() == bytes.size() && hash128(bytes) == last.hash;
    if (!there) {
        return Error{Errc::journal_foreign,
                     "the journal does not hold what backup " + std::to_string(manifest_.number) +
                         " ends with (segment " + std::to_string(last.segment.value) + ", offset " +
                         std::to_string(last.from) + "): back it up to another directory"};
    }
    return success();
}

Result<> BackupMaker::walk() {
    SubmissionVisitor const pass = [](StoredSubmission const&) -> Result<Visit> {
        return Visit::next;
    };
    Walk walk(manifest_.end, pass);
    for (;;) {
        CAPSTAN_TRY(walk_segment(walk));
        auto const next = walk.place().segment.next();
        auto opened = journal_->open(segment_name(next), OpenMode::read);
        if (!opened && opened.error().code == Errc::not_found) {
            return take_pieces();
        }
        CAPSTAN_TRY(auto const file, std::move(opened));
        CAPSTAN_TRY(auto const header, read_segment_header(*file, next));
        // It was closed, perhaps meanwhile, and flushed to its end before that.
        CAPSTAN_TRY(walk_segment(walk));
        manifest_.end = walk.place();
        unsettled_.clear();
        CAPSTAN_TRY(take_pieces());
        CAPSTAN_TRY(walk.enter(header));
        manifest_.end = walk.place();
    }
}

/// From where the walk stands, as far as there are whole frames.
Result<> BackupMaker::walk_segment(Walk& walk) {
    auto const number = walk.place().segment;
    CAPSTAN_TRY(file_, journal_->open(segment_name(number), OpenMode::read));
    CAPSTAN_TRY(header_, read_segment_header(*file_, number));
    if (header_.lineage != manifest_.lineage || header_.partition != manifest_.partition) {
        return Error{Errc::journal_foreign,
                     "segment " + std::to_string(number.value) + " is of another journal"};
    }
    for (;;) {
        CAPSTAN_TRY(auto window, ReadWindow::over(*file_));
        CAPSTAN_TRY(auto const sealed, take_frames(walk, window));
        CAPSTAN_TRY(auto const next, next_frame(window, header_, walk.place().offset));
        if (sealed || !next) {
            return success();
        }
        // What stands behind was seen first: the frame in between must be whole by now.
        CAPSTAN_TRY(auto again, ReadWindow::over(*file_));
        CAPSTAN_TRY(auto const found, frame_at(again, header_, walk.place().offset));
        if (found.state != FrameAt::State::whole) {
            return corrupt(number,
                           walk.place().offset,
                           walk.place().position.next(),
                           next->header.first_position,
                           kNoFrame);
        }
    }
}

/// True at the segment's footer.
Result<bool> BackupMaker::take_frames(Walk& walk, ReadWindow& window) {
    for (;;) {
        CAPSTAN_TRY(auto const frame, frame_at(window, header_, walk.place().offset));
        if (frame.state == FrameAt::State::unknown) {
            return Error{Errc::format_unknown,
                         "segment " + std::to_string(header_.number) + ": a newer format"};
        }
        if (frame.state != FrameAt::State::whole) {
            return false;
        }
        auto const& header = frame.header;
        if (header.kind == FrameKind::footer) {
            settle(header.durable_position);
            return true;
        }
        CAPSTAN_TRY(walk.take(frame));
        auto const settled_at = header.count > 0 ? header.last_position() : header.first_position;
        unsettled_.push_back({walk.place(), settled_at});
        settle(header.durable_position);
        if (on_bytes_) {
            CAPSTAN_TRY(on_bytes_(sizes_.through(walk.place().segment, walk.place().offset),
                                  sizes_.total()));
        }
    }
}

void BackupMaker::settle(Position declared) {
    auto const first_open = std::ranges::find_if(
        unsettled_, [&](auto const& one) { return one.settled_at > declared; });
    if (first_open != unsettled_.begin()) {
        manifest_.end = std::prev(first_open)->place;
        unsettled_.erase(unsettled_.begin(), first_open);
    }
}

/// Up to the manifest's end in the segment at hand.
Result<> BackupMaker::take_pieces() {
    auto const& pieces = manifest_.pieces;
    bool const begun = !pieces.empty() && pieces.back().segment == manifest_.end.segment;
    auto const end = manifest_.end.offset.value;
    for (auto from = begun ? pieces.back().to : 0; from < end;) {
        auto const to = std::min(from + kPieceBytes, end);
        CAPSTAN_TRY(take_piece({manifest_.end.segment, from, to, {}}));
        from = to;
    }
    return success();
}

Result<> BackupMaker::take_piece(BackupPiece piece) {
    Bytes bytes(piece.bytes());
    CAPSTAN_TRY(auto const file, journal_->open(segment_name(piece.segment), OpenMode::read));
    CAPSTAN_TRY(auto const got, file->pread(bytes, piece.from));
    if (got != bytes.size()) {
        return corrupt(piece.segment, Offset{piece.from + got}, {}, {}, "the file ends here");
    }
    piece.hash = hash128(bytes);
    manifest_.bytes_added += piece.bytes();
    manifest_.pieces.push_back(piece);
    // A backup that was cut short has left it, perhaps.
    if (auto const there = pieces_->open(piece.name(), OpenMode::read)) {
        Bytes stored(bytes.size());
        CAPSTAN_TRY(auto const size, there.value()->size());
        CAPSTAN_TRY(there.value()->pread(stored, 0));
        if (size == stored.size() && stored == bytes) {
            return success();
        }
    }
    return write_file(*pieces_, piece.name(), bytes);
}

}  // namespace

Result<BackupManifest> create_backup(fs::path const& directory,
                                     fs::path const& backups,
                                     WallTime now,
                                     OnBytes const& on_bytes) {
    return BackupMaker(directory, backups, on_bytes).run(now);
}

}  // namespace capstan
