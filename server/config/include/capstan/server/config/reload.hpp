#pragma once
#include <capstan/server/config/settings.hpp>
#include <string>
#include <vector>

namespace capstan {

/// Whether a running server takes another value of it (SIGHUP). The others need a restart.
bool reloads(Setting const& setting);

/// What a server that runs with one configuration makes of another.
struct Reload {
    ServerConfig config;                    // from now on
    std::vector<std::string> changed;       // settings that have another value now
    std::vector<std::string> need_restart;  // that differ, and stay as they were
};
/// Errors: `config_invalid`: what is taken of `next` does not go with what stays.
Result<Reload> plan_reload(ServerConfig const& now, ServerConfig const& next);

}  // namespace capstan
