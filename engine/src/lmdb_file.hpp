#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>

namespace capstan::lmdb {

/// What the newer of the two meta pages says about a data file.
struct FileFacts {
    std::uint64_t page_bytes = 0;
    std::uint64_t pages = 0;  // last page in use, plus 1
    std::uint64_t map_bytes = 0;
};

/// Reads the meta pages from the first bytes of a data file of `file_bytes` bytes. LMDB maps the
/// file and trusts it; a page that the file no longer has is a SIGBUS then.
/// Errors: `index_damaged`, `format_unknown`.
Result<FileFacts> check_meta(ByteView start, std::uint64_t file_bytes);

/// The same for a file; nothing if it doesn't exist or is empty. Errors: also `disk_io`.
Result<std::optional<FileFacts>> check_data_file(std::filesystem::path const& path);

}  // namespace capstan::lmdb
