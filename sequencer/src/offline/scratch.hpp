#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/sequencer/lmdb_checkpoint_store.hpp>
#include <filesystem>
#include <memory>
#include <utility>

namespace capstan {

/// A checkpoint store in a directory that goes with it.
class ScratchStore {
  public:
    /// Errors: `disk_io`, as opening a store.
    static Result<ScratchStore> make();
    ScratchStore(ScratchStore&& other) noexcept
        : directory_(std::exchange(other.directory_, {})), store_(std::move(other.store_)) {}
    ScratchStore& operator=(ScratchStore&&) = delete;
    ~ScratchStore();

    CheckpointStore& store() { return *store_; }

  private:
    ScratchStore(std::filesystem::path directory, std::unique_ptr<LmdbCheckpointStore> store)
        : directory_(std::move(directory)), store_(std::move(store)) {}
    std::filesystem::path directory_;
    std::unique_ptr<LmdbCheckpointStore> store_;
};

}  // namespace capstan
