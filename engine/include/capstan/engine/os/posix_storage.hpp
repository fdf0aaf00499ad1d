#pragma once
#include <capstan/engine/runtime/storage.hpp>
#include <memory>
#include <string>

namespace capstan {

/// A directory of the file system, by plain system calls. Short and interrupted writes go on; an
/// I/O error is reported once, as it came.
class PosixStorage final : public Storage {
  public:
    /// The directory must exist. Errors: `not_found`, `disk_io`.
    static Result<std::unique_ptr<PosixStorage>> open(std::string const& path);
    /// Makes the last part of the path if it isn't there, durably.
    static Result<std::unique_ptr<PosixStorage>> open_or_create(std::string const& path);
    ~PosixStorage() override;

    Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) override;
    Result<> rename(std::string_view from, std::string_view to) override;
    Result<> remove(std::string_view name) override;
    Result<std::vector<std::string>> list() override;
    Result<> sync() override;
    Result<std::unique_ptr<StorageLock>> lock(std::string_view name) override;
    Result<std::optional<std::uint64_t>> lock_holder(std::string_view name) override;
    Result<std::uint64_t> free_bytes() override;
    std::string describe() const override { return path_; }

  private:
    PosixStorage(std::string path, int directory);
    std::string path_;
    int directory_;
};

}  // namespace capstan
