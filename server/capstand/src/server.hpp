#pragma once
#include <capstan/server/config/config.hpp>
#include <capstan/server/log/log.hpp>
#include <functional>
#include <string>

#include "exit_code.hpp"
#include "reload.hpp"

namespace capstan {

/// What `serve` reports once it takes connections.
struct Addresses {
    std::string url;  // of the public port
    std::string admin_url;
};

/// Opens the data directory, listens, and serves until SIGTERM or SIGINT, or until storage fails;
/// SIGHUP reloads. Blocks.
ExitCode serve(ServerConfig const& config,
               Log& log,
               ReadConfig const& read_config,
               std::function<void(Addresses const&)> const& on_ready);

}  // namespace capstan
