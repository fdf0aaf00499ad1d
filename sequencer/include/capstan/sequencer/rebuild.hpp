#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/sequencer/data_check.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

namespace capstan {

class Random;
class Storage;
class StorageLock;

/// Holds a data directory, so that no server and no other tool writes there.
class DataLock {
  public:
    /// Errors: `journal_locked` (names the process), `not_found`, `disk_io`.
    static Result<DataLock> take(std::filesystem::path const& directory);
    DataLock(DataLock&&) noexcept;
    DataLock& operator=(DataLock&&) = delete;
    ~DataLock();

  private:
    DataLock(std::unique_ptr<Storage> storage, std::unique_ptr<StorageLock> lock);
    std::unique_ptr<Storage> storage_;
    std::unique_ptr<StorageLock> lock_;
};

struct RebuildReport {
    Position position;  // of the last submission
    Hash128 chain;
    std::uint64_t state_hash = 0;
    std::uint64_t streams = 0;
    std::uint64_t events = 0;
    std::uint64_t malformed = 0;
    std::uint64_t footers_written = 0;  // that were missing, damaged or wrong
    /// The index that was there: at which position it stood, and whether its state hash is what the
    /// journal gives. Nothing where none could be read.
    std::optional<Position> old_position;
    bool old_agrees = false;
};

/// Makes the index and all footers of a data directory again, from the journal alone, and puts them
/// in the place of what was there; the old index stays beside it as `index.replaced`. The new one
/// is made apart and renamed when it is whole: a process that dies on the way leaves the old one.
/// The journal's own end is recovered as a start of the server does it. Precondition: the caller
/// holds the directory's lock.
/// Errors: `journal_corrupt` (see repair), `trimmed` (its beginning is gone), `format_unknown`,
/// `journal_locked`, `storage_full`, `disk_io`.
Result<RebuildReport> rebuild_derived(std::filesystem::path const& directory,
                                      Random& random,
                                      OnBytes const& on_bytes);

}  // namespace capstan
