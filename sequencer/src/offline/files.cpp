#include "files.hpp"

#include <algorithm>
#include <capstan/engine/os/posix_storage.hpp>

namespace capstan {
namespace {

constexpr std::uint64_t kCopyBytes = 1'048'576;

/// A new, empty file; what an earlier try left is removed.
Result<std::unique_ptr<File>> create_anew(Storage& storage, std::string const& name) {
    if (auto const removed = storage.remove(name);
        !removed && removed.error().code != Errc::not_found) {
        return removed.error();
    }
    return storage.open(name, OpenMode::create);
}

}  // namespace

Result<> read_range(File& file,
                    std::uint64_t from,
                    std::uint64_t to,
                    std::function<Result<>(ByteView)> const& take) {
    Bytes buffer(std::min(kCopyBytes, to - from));
    for (auto at = from; at < to;) {
        auto const wanted = std::min(kCopyBytes, to - at);
        CAPSTAN_TRY(auto const got, file.pread(std::span(buffer).first(wanted), at));
        if (got < wanted) {
            return Error{Errc::journal_corrupt,
                         "a file ends at byte " + std::to_string(at + got) + ", before " +
                             std::to_string(to)};
        }
        CAPSTAN_TRY(take(ByteView(buffer).first(got)));
        at += got;
    }
    return success();
}

Result<> copy_file(File& from, std::uint64_t end, Storage& into, std::string const& name) {
    auto const part = name + ".part";
    CAPSTAN_TRY(auto const file, create_anew(into, part));
    std::uint64_t at = 0;
    CAPSTAN_TRY(read_range(from, 0, end, [&](ByteView bytes) -> Result<> {
        CAPSTAN_TRY(file->pwrite(bytes, at));
        at += bytes.size();
        return success();
    }));
    CAPSTAN_TRY(file->datasync());
    return into.rename(part, name);
}

Result<> write_file(Storage& into, std::string const& name, ByteView bytes) {
    auto const part = name + ".part";
    CAPSTAN_TRY(auto const file, create_anew(into, part));
    CAPSTAN_TRY(file->pwrite(bytes, 0));
    CAPSTAN_TRY(file->datasync());
    return into.rename(part, name);
}

Result<> put_in_place(std::filesystem::path const& part, std::filesystem::path const& directory) {
    std::error_code error;
    std::filesystem::rename(part, directory, error);
    if (error) {
        return io_error(directory, error);
    }
    auto const parent = std::filesystem::absolute(directory, error).parent_path();
    CAPSTAN_TRY(auto const storage, PosixStorage::open(parent.string()));
    return storage->sync();
}

Error io_error(std::filesystem::path const& path, std::error_code const& error) {
    return {Errc::disk_io, path.string() + ": " + error.message()};
}

}  // namespace capstan
