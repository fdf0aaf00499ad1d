#include "spare.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "segment.hpp"

namespace capstan::file_journal {

Result<> Spare::adopt() {
    CAPSTAN_TRY(remove_if_there(kSpareUnfinishedName));
    auto opened = storage_.open(kSpareName, OpenMode::write);
    if (!opened) {
        return opened.error().code == Errc::not_found ? Result<>(success()) : opened.error();
    }
    CAPSTAN_TRY(auto const size, opened.value()->size());
    if (size != bytes_) {
        return storage_.remove(kSpareName);
    }
    file_ = std::move(opened.value());
    written_ = size;
    state_ = State::ready;
    return success();
}

Result<> Spare::step(std::uint64_t bytes_max) {
    return keep_or_discard([&]() -> Result<> {
        if (state_ == State::absent) {
            CAPSTAN_TRY(begin());
        }
        if (state_ == State::unfinished) {
            CAPSTAN_TRY(write_zeros(std::min(bytes_, written_ + bytes_max)));
        }
        if (state_ == State::unfinished && written_ == bytes_) {
            CAPSTAN_TRY(finish());
        }
        return success();
    }());
}

Result<> Spare::complete(std::uint64_t bytes) {
    CAPSTAN_TRY(step(bytes_));
    if (bytes <= written_) {
        return success();
    }
    return keep_or_discard([&]() -> Result<> {
        CAPSTAN_TRY(file_->allocate(bytes));
        return write_zeros(bytes);
    }());
}

std::unique_ptr<File> Spare::take() {
    CAPSTAN_INVARIANT(state_ == State::ready);
    state_ = State::absent;
    return std::move(file_);
}

void Spare::discard() {
    file_.reset();
    // What can't be removed now is removed before the next one is begun.
    (void)remove_if_there(state_ == State::ready ? kSpareName : kSpareUnfinishedName);
    state_ = State::absent;
}

Result<> Spare::recycle(std::string const& name) {
    CAPSTAN_INVARIANT(state_ == State::absent);
    CAPSTAN_TRY(storage_.rename(name, kSpareUnfinishedName));
    // Before a byte of it changes, the segment must be gone from the directory on disk.
    CAPSTAN_TRY(storage_.sync());
    auto opened = storage_.open(kSpareUnfinishedName, OpenMode::write);
    if (!opened) {
        // Out of descriptors: it is gone from the journal, and removed before the next spare is
        // begun.
        return opened.error().code == Errc::overloaded ? Result<>(success()) : opened.error();
    }
    file_ = std::move(opened.value());
    state_ = State::unfinished;
    auto const kept = keep_or_discard(trim_to_size());
    // Without room for a whole one it is just gone, which makes some.
    return kept || kept.error().code == Errc::storage_full ? Result<>(success()) : kept;
}

Result<> Spare::trim_to_size() {
    CAPSTAN_TRY(auto const size, file_->size());
    if (size > bytes_) {
        CAPSTAN_TRY(file_->truncate(bytes_));
    }
    written_ = std::min(size, bytes_);
    return file_->allocate(bytes_);
}

Result<> Spare::begin() {
    CAPSTAN_TRY(remove_if_there(kSpareUnfinishedName));
    CAPSTAN_TRY(remove_if_there(kSpareName));
    CAPSTAN_TRY(file_, storage_.open(kSpareUnfinishedName, OpenMode::create));
    state_ = State::unfinished;
    written_ = 0;
    return file_->allocate(bytes_);
}

Result<> Spare::write_zeros(std::uint64_t end) {
    static constexpr std::array<std::byte, 256 * 1'024> kZeros{};
    while (written_ < end) {
        auto const bytes = std::min<std::uint64_t>(end - written_, kZeros.size());
        CAPSTAN_TRY(file_->pwrite(ByteView(kZeros).first(bytes), written_));
        written_ += bytes;
    }
    return file_->datasync();
}

Result<> Spare::finish() {
    CAPSTAN_TRY(storage_.rename(kSpareUnfinishedName, kSpareName));
    CAPSTAN_TRY(storage_.sync());
    state_ = State::ready;
    return success();
}

Result<> Spare::keep_or_discard(Result<> outcome) {
    if (!outcome) {
        discard();
    }
    return outcome;
}

Result<> Spare::remove_if_there(std::string_view name) {
    auto removed = storage_.remove(name);
    if (!removed && removed.error().code == Errc::not_found) {
        return success();
    }
    return removed;
}

}  // namespace capstan::file_journal
