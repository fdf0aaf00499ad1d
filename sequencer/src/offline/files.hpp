#pragma once
#include <capstan/engine/runtime/storage.hpp>
#include <filesystem>
#include <functional>
#include <string>

// Copying and replacing files so that a crash leaves the old one or the new one.
namespace capstan {

/// Hands bytes [from, to) of a file on in pieces. Errors: `journal_corrupt` (the file ends before),
/// `disk_io`, what `take` returns.
Result<> read_range(File& file,
                    std::uint64_t from,
                    std::uint64_t to,
                    std::function<Result<>(ByteView)> const& take);

/// Writes bytes [0, end) of `from` as `name`, flushed: first as `name.part`, then renamed. The
/// directory is not flushed.
Result<> copy_file(File& from, std::uint64_t end, Storage& into, std::string const& name);

/// Writes a whole file the same way.
Result<> write_file(Storage& into, std::string const& name, ByteView bytes);

/// Gives a finished directory the name that it was made for, and flushes that name.
Result<> put_in_place(std::filesystem::path const& part, std::filesystem::path const& directory);

Error io_error(std::filesystem::path const& path, std::error_code const& error);

}  // namespace capstan
