#include "scratch.hpp"

#include <cstdlib>

namespace capstan {

namespace fs = std::filesystem;

Result<ScratchStore> ScratchStore::make() {
    std::error_code error;
    auto const parent = fs::temp_directory_path(error);
    auto name = (parent / "capstan-check-XXXXXX").string();
    if (error || mkdtemp(name.data()) == nullptr) {
        return Error{Errc::disk_io, name + ": cannot be made"};
    }
    auto store = LmdbCheckpointStore::open({.directory = name});
    if (!store) {
        fs::remove_all(name, error);
        return store.error();
    }
    return ScratchStore(name, std::move(store).value());
}

ScratchStore::~ScratchStore() {
    store_.reset();
    if (!directory_.empty()) {
        std::error_code ignored;
        fs::remove_all(directory_, ignored);
    }
}

}  // namespace capstan
