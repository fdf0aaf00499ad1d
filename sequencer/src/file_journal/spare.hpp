#pragma once
#include <capstan/engine/runtime/storage.hpp>
#include <cstdint>
#include <memory>
#include <string>

namespace capstan::file_journal {

/// The file that becomes the next segment. It is prepared under one name and renamed when all of it
/// is written and flushed, so a file called `spare` has its disk space for sure. Threading: the
/// writer.
class Spare {
  public:
    Spare(Storage& storage, std::uint64_t bytes) : storage_(storage), bytes_(bytes) {}

    /// Takes over what an earlier process left: keeps a spare of the right size, removes all else.
    Result<> adopt();

    /// Writes and flushes up to `bytes_max` of zeros; the first step reserves the space, the last
    /// one makes it ready. Errors: `storage_full` (nothing is left of it; try again later),
    /// `disk_io`.
    Result<> step(std::uint64_t bytes_max);
    /// All that is missing for a file of `bytes` or the usual size, whichever is larger. Errors: as
    /// `step`.
    Result<> complete(std::uint64_t bytes);

    bool is_ready() const { return state_ == State::ready; }
    std::uint64_t missing_bytes() const { return is_ready() ? 0 : bytes_ - written_; }

    /// The ready file, still called `spare`; from here on there is no spare. The caller renames it.
    std::unique_ptr<File> take();
    void discard();

    /// Makes an old segment the unfinished spare: what it wrote need not be written again.
    Result<> recycle(std::string const& name);
    bool is_absent() const { return state_ == State::absent; }

  private:
    enum class State : std::uint8_t { absent, unfinished, ready };

    Result<> begin();
    Result<> trim_to_size();
    Result<> write_zeros(std::uint64_t end);
    Result<> finish();
    /// Drops the file if there is no room for it.
    Result<> keep_or_discard(Result<> outcome);
    Result<> remove_if_there(std::string_view name);

    Storage& storage_;
    std::uint64_t bytes_;  // of a usual one
    State state_ = State::absent;
    std::unique_ptr<File> file_;
    std::uint64_t written_ = 0;
};

}  // namespace capstan::file_journal
