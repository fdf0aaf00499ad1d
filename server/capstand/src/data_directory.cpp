#include "data_directory.hpp"

namespace capstan {

namespace fs = std::filesystem;

Result<std::unique_ptr<PosixStorage>> open_directory(fs::path const& directory) {
    auto const parent = fs::absolute(directory).parent_path();
    if (std::error_code unknown; !fs::exists(parent, unknown)) {
        CAPSTAN_TRY(open_directory(parent));
    }
    return PosixStorage::open_or_create(directory.string());
}

Result<std::unique_ptr<PosixStorage>> open_data_directory(fs::path const& directory) {
    auto opened = open_directory(directory);
    if (!opened && opened.error().code == Errc::not_found) {
        return Error{Errc::config_invalid, "data_dir: " + opened.error().detail};
    }
    return opened;
}

}  // namespace capstan
