#pragma once
#include <capstan/engine/runtime/storage.hpp>

namespace capstan {

/// A file that nobody writes: whoever tries is told so (`internal`).
class ReadOnlyFile : public File {
  public:
    Result<> pwrite(ByteView, std::uint64_t) final { return refused(); }
    Result<> datasync() final { return refused(); }
    Result<> truncate(std::uint64_t) final { return refused(); }
    Result<> allocate(std::uint64_t) final { return refused(); }

  private:
    static Error refused() { return {Errc::internal, "this file is for reading only"}; }
};

/// A directory that nobody changes or locks: whoever tries is told so (`internal`).
class ReadOnlyStorage : public Storage {
  public:
    Result<> rename(std::string_view, std::string_view) final { return refused(); }
    Result<> remove(std::string_view) final { return refused(); }
    Result<> sync() final { return refused(); }
    Result<std::unique_ptr<StorageLock>> lock(std::string_view) final { return refused(); }
    Result<std::optional<std::uint64_t>> lock_holder(std::string_view) final {
        return std::optional<std::uint64_t>();
    }

  protected:
    Error refused() const { return {Errc::internal, describe() + " is for reading only"}; }
};

}  // namespace capstan
