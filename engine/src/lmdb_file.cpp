#include "lmdb_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace capstan::lmdb {
namespace {

// Layout of a meta page on 64-bit little-endian machines, from mdb.c 0.9.24 (struct MDB_page with
// its 16-byte header, struct MDB_meta, struct MDB_db). The two meta pages are pages 0 and 1.
constexpr std::size_t kPageFlagsAt = 10;
constexpr std::size_t kMagicAt = 16;
constexpr std::size_t kVersionAt = 20;
constexpr std::size_t kMapBytesAt = 32;
constexpr std::size_t kPageBytesAt = 40;  // md_pad of the free table
constexpr std::size_t kLastPageAt = 136;
constexpr std::size_t kTransactionAt = 144;
constexpr std::size_t kMetaBytes = 152;
constexpr std::uint16_t kMetaFlag = 0x08;
constexpr std::uint32_t kMagic = 0xBEEFC0DE;
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kPageBytesMax = 65'536;

Error damaged(std::string detail) {
    return Error{Errc::index_damaged, "LMDB data file: " + std::move(detail)};
}

struct Meta {
    FileFacts facts;
    std::uint64_t transaction = 0;
};

Result<Meta> read_meta(ByteView page) {
    if (page.size() < kMetaBytes) {
        return damaged("cut inside a meta page");
    }
    auto const at = page.data();
    if ((load<std::uint16_t>(at + kPageFlagsAt) & kMetaFlag) == 0 ||
        load<std::uint32_t>(at + kMagicAt) != kMagic) {
        return damaged("no meta page");
    }
    auto const version = load<std::uint32_t>(at + kVersionAt);
    if (version != kVersion) {
        return Error{Errc::format_unknown, "LMDB data version " + std::to_string(version)};
    }
    Meta meta;
    meta.facts.page_bytes = load<std::uint32_t>(at + kPageBytesAt);
    meta.facts.pages = load<std::uint64_t>(at + kLastPageAt) + 1;
    meta.facts.map_bytes = load<std::uint64_t>(at + kMapBytesAt);
    meta.transaction = load<std::uint64_t>(at + kTransactionAt);
    return meta;
}

bool is_page_size(std::uint64_t bytes) {
    return bytes >= 512 && bytes <= kPageBytesMax && (bytes & (bytes - 1)) == 0;
}

Error io_error(std::filesystem::path const& path, int error) {
    return Error{Errc::disk_io,
                 path.string() + ": " + std::error_code(error, std::generic_category()).message()};
}

Result<std::optional<FileFacts>> check_open_file(int file, std::filesystem::path const& path) {
    struct stat facts {};
    if (::fstat(file, &facts) != 0) {
        return io_error(path, errno);
    }
    if (facts.st_size == 0) {
        return std::optional<FileFacts>();
    }
    Bytes start(2 * kPageBytesMax);
    auto const got = ::pread(file, start.data(), start.size(), 0);
    if (got < 0) {
        return io_error(path, errno);
    }
    start.resize(static_cast<std::size_t>(got));
    CAPSTAN_TRY(auto found, check_meta(start, static_cast<std::uint64_t>(facts.st_size)));
    return std::optional<FileFacts>(found);
}

}  // namespace

Result<FileFacts> check_meta(ByteView start, std::uint64_t file_bytes) {
    CAPSTAN_TRY(auto newer, read_meta(start));
    auto const page_bytes = newer.facts.page_bytes;
    if (!is_page_size(page_bytes)) {
        return damaged("page size " + std::to_string(page_bytes));
    }
    if (start.size() < page_bytes) {
        return damaged("cut before the second meta page");
    }
    CAPSTAN_TRY(auto const second, read_meta(start.subspan(page_bytes)));
    if (second.facts.page_bytes != page_bytes) {
        return damaged("meta pages disagree on the page size");
    }
    if (second.transaction > newer.transaction) {
        newer = second;
    }
    if (newer.facts.pages > file_bytes / page_bytes) {
        return damaged("has " + std::to_string(file_bytes) + " bytes, needs " +
                       std::to_string(newer.facts.pages) + " pages of " +
                       std::to_string(page_bytes));
    }
    return newer.facts;
}

Result<std::optional<FileFacts>> check_data_file(std::filesystem::path const& path) {
    int const file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        if (errno == ENOENT) {
            return std::optional<FileFacts>();
        }
        return io_error(path, errno);
    }
    auto result = check_open_file(file, path);
    ::close(file);
    return result;
}

}  // namespace capstan::lmdb
