#include <algorithm>
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/sequencer/backup.hpp>
#include <utility>

#include "../file_journal/segment.hpp"

namespace capstan {
namespace {

/// A segment, read from the pieces that make it.
class PiecedFile final : public ReadOnlyFile {
  public:
    PiecedFile(std::unique_ptr<PosixStorage> storage, std::vector<BackupPiece> pieces)
        : storage_(std::move(storage)), pieces_(std::move(pieces)) {}

    Result<std::size_t> pread(std::span<std::byte> into, std::uint64_t at) override {
        std::size_t done = 0;
        for (auto const& piece : pieces_) {
            if (done == into.size()) {
                break;
            }
            if (at + done >= piece.to) {
                continue;
            }
            auto const wanted = std::min<std::uint64_t>(into.size() - done, piece.to - (at + done));
            CAPSTAN_TRY(auto const file, storage_->open(piece.name(), OpenMode::read));
            CAPSTAN_TRY(auto const got,
                        file->pread(into.subspan(done, wanted), at + done - piece.from));
            done += got;
            if (got < wanted) {
                break;
            }
        }
        return done;
    }
    Result<std::uint64_t> size() override {
        return pieces_.empty() ? std::uint64_t{0} : pieces_.back().to;
    }

  private:
    std::unique_ptr<PosixStorage> storage_;
    std::vector<BackupPiece> pieces_;
};

}  // namespace

BackupStorage::BackupStorage(std::filesystem::path backups, BackupManifest manifest)
    : backups_(std::move(backups)), manifest_(std::move(manifest)) {}

Result<std::unique_ptr<File>> BackupStorage::open(std::string_view name, OpenMode mode) {
    if (mode != OpenMode::read) {
        return refused();
    }
    std::vector<BackupPiece> pieces;
    auto const number = file_journal::parse_segment_name(name);
    std::ranges::copy_if(manifest_.pieces, std::back_inserter(pieces), [&](auto const& piece) {
        return piece.segment == number;
    });
    if (pieces.empty()) {
        return Error{Errc::not_found, describe() + " has no " + std::string(name)};
    }
    CAPSTAN_TRY(auto storage, PosixStorage::open((backups_ / "pieces").string()));
    return std::unique_ptr<File>(new PiecedFile(std::move(storage), std::move(pieces)));
}

Result<std::vector<std::string>> BackupStorage::list() {
    std::vector<std::string> names;
    for (auto const& piece : manifest_.pieces) {
        if (piece.from == 0) {
            names.push_back(file_journal::segment_name(piece.segment));
        }
    }
    return names;
}

Result<std::uint64_t> BackupStorage::free_bytes() {
    return std::uint64_t{0};
}
std::string BackupStorage::describe() const {
    return backups_.string() + " backup " + std::to_string(manifest_.number);
}

}  // namespace capstan
