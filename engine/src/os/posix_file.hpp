#pragma once
#include <capstan/engine/runtime/storage.hpp>
#include <memory>
#include <string>

namespace capstan::posix {

/// Owns the descriptor. `name` is for messages.
std::unique_ptr<File> make_file(int descriptor, std::string name);

}  // namespace capstan::posix
