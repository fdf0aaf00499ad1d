#pragma once
#include <string>

#include "commands.hpp"

namespace capstan::cli {

/// Whether the user wants what the question is about: asked on a terminal, else told by --yes.
bool confirmed(Context& context, std::string const& question);

}  // namespace capstan::cli
