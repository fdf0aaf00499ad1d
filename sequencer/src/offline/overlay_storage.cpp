#include "overlay_storage.hpp"

#include <algorithm>

#include "../file_journal/segment.hpp"

namespace capstan {
namespace {

/// The first bytes of one file, and those of another behind them.
class JoinedFile final : public ReadOnlyFile {
  public:
    JoinedFile(std::unique_ptr<File> first, std::uint64_t first_bytes, std::unique_ptr<File> rest)
        : first_(std::move(first)), first_bytes_(first_bytes), rest_(std::move(rest)) {}

    Result<std::size_t> pread(std::span<std::byte> into, std::uint64_t at) override {
        std::size_t done = 0;
        if (at < first_bytes_) {
            auto const wanted = std::min<std::uint64_t>(into.size(), first_bytes_ - at);
            CAPSTAN_TRY(done, first_->pread(into.first(wanted), at));
        }
        if (done == into.size() || rest_ == nullptr) {
            return done;
        }
        CAPSTAN_TRY(auto const more, rest_->pread(into.subspan(done), at + done));
        return done + more;
    }
    Result<std::uint64_t> size() override {
        if (rest_ == nullptr) {
            return first_bytes_;
        }
        CAPSTAN_TRY(auto const bytes, rest_->size());
        return std::max(bytes, first_bytes_);
    }

  private:
    std::unique_ptr<File> first_;
    std::uint64_t first_bytes_;
    std::unique_ptr<File> rest_;  // may be missing
};

}  // namespace

void OverlayStorage::take(Storage& backup, SegmentNumber segment) {
    backup_ = &backup;
    taken_.insert(file_journal::segment_name(segment));
}

Result<std::unique_ptr<File>> OverlayStorage::open(std::string_view name, OpenMode mode) {
    if (mode != OpenMode::read) {
        return refused();
    }
    if (!taken_.contains(name)) {
        return journal_.open(name, mode);
    }
    CAPSTAN_TRY(auto first, backup_->open(name, mode));
    CAPSTAN_TRY(auto const bytes, first->size());
    auto rest = journal_.open(name, mode);
    if (!rest && rest.error().code != Errc::not_found) {
        return rest.error();
    }
    return std::unique_ptr<File>(new JoinedFile(
        std::move(first), bytes, rest ? std::move(rest).value() : std::unique_ptr<File>()));
}

Result<std::vector<std::string>> OverlayStorage::list() {
    CAPSTAN_TRY(auto names, journal_.list());
    names.insert(names.end(), taken_.begin(), taken_.end());
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

Result<std::uint64_t> OverlayStorage::free_bytes() {
    return journal_.free_bytes();
}

}  // namespace capstan
