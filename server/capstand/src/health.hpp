#pragma once
#include <capstan/server/config/config.hpp>

#include "exit_code.hpp"

namespace capstan {

/// Asks the running server of this configuration for `/readyz` and prints what it says.
ExitCode probe_health(ServerConfig const& config);

}  // namespace capstan
