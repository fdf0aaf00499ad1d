#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

/// How a file is opened. None of them truncates.
enum class OpenMode : std::uint8_t {
    read,    // must exist
    write,   // must exist; reads and writes
    create,  // must not exist; reads and writes
};

/// One open file. Closing it flushes nothing.
/// Errors: `storage_full` (no space, no quota), `disk_io` (all else; the detail names file and
/// cause). Threading: any thread; a read that overlaps a running write sees any mix of old and new
/// bytes.
class File {
  public:
    virtual ~File() = default;
    /// Fills `into` from `at`; returns how many bytes there were, fewer only at the end of the
    /// file.
    virtual Result<std::size_t> pread(std::span<std::byte> into, std::uint64_t at) = 0;
    /// Writes all of it. Durability: none until `datasync`; a crash may keep any part.
    virtual Result<> pwrite(ByteView bytes, std::uint64_t at) = 0;
    /// Contents, and the size they need, are on stable storage. After a failure what is there is
    /// unknown, and a second call that succeeds proves nothing.
    virtual Result<> datasync() = 0;
    virtual Result<std::uint64_t> size() = 0;
    virtual Result<> truncate(std::uint64_t bytes) = 0;
    /// Reserves space for the first `bytes` of the file, so that writing them cannot meet a full
    /// disk. The file grows to this size at least; contents stay.
    virtual Result<> allocate(std::uint64_t bytes) = 0;
};

/// Held while it exists; the process that dies lets go of it.
class StorageLock {
  public:
    virtual ~StorageLock() = default;
};

/// One directory. Calls block: the shell makes them on threads that may.
/// Errors beside those of File: `not_found`, `overloaded` (no file descriptors left).
/// Threading: any thread. Twins: PosixStorage, SimStorage.
class Storage {
  public:
    virtual ~Storage() = default;
    virtual Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) = 0;
    /// Atomic; replaces what bore the new name. Durable, like creating and removing, after `sync`.
    virtual Result<> rename(std::string_view from, std::string_view to) = 0;
    virtual Result<> remove(std::string_view name) = 0;
    /// Names of the files in it, sorted.
    virtual Result<std::vector<std::string>> list() = 0;
    /// Which names there are is on stable storage. Says nothing about contents.
    virtual Result<> sync() = 0;

    /// One holder at a time over all processes. Errors: `journal_locked`, naming the holder's
    /// process id.
    virtual Result<std::unique_ptr<StorageLock>> lock(std::string_view name) = 0;
    /// Process id of the holder, without changing anything.
    virtual Result<std::optional<std::uint64_t>> lock_holder(std::string_view name) = 0;

    virtual Result<std::uint64_t> free_bytes() = 0;
    /// For messages: the path.
    virtual std::string describe() const = 0;
};

}  // namespace capstan
