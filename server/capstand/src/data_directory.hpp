#pragma once
#include <capstan/engine/os/posix_storage.hpp>
#include <filesystem>
#include <memory>

namespace capstan {

/// Makes it, and what is above it; the names of all that was made are flushed, so that a power loss
/// cannot take the directory with what was acknowledged in it (F10).
/// Errors: as `PosixStorage::open_or_create`.
Result<std::unique_ptr<PosixStorage>> open_directory(std::filesystem::path const& directory);

/// The same for what `data_dir` names. Errors: also `config_invalid`, where no directory can be.
Result<std::unique_ptr<PosixStorage>> open_data_directory(std::filesystem::path const& directory);

}  // namespace capstan
