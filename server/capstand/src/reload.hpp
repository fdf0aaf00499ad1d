#pragma once
#include <capstan/server/config/config.hpp>
#include <capstan/server/http/http_api.hpp>
#include <capstan/server/log/log.hpp>
#include <capstan/server/net/listener.hpp>
#include <capstan/server/session/authenticator.hpp>
#include <capstan/server/session/session_host.hpp>
#include <functional>

namespace capstan {

/// Reads the configuration again, from where the process got it. Nothing: it came from nowhere.
using ReadConfig = std::function<Result<ServerConfig>()>;

/// What takes other values while it runs.
struct ReloadParts {
    Log& log;
    ExchangeableAuthenticator& authenticator;
    SessionHost& sessions;
    HttpApi& api;
    Listener& listener;
};

/// Takes over what a running server can: limits, log level, tokens, certificate and key, the files
/// of which are read in any case. All of it or, if anything is wrong, nothing. The log says what
/// changed and what waits for a restart. Sessions whose tokens are gone end; the others go on.
/// Threading: the strand.
void reload(ServerConfig& config, ReadConfig const& read, ReloadParts const& parts);

}  // namespace capstan
