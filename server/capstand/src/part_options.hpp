#pragma once
#include <capstan/engine/tls/context.hpp>
#include <capstan/sequencer/partition.hpp>
#include <capstan/server/config/config.hpp>
#include <capstan/server/http/http_api.hpp>
#include <capstan/server/log/log.hpp>
#include <capstan/server/net/listener.hpp>
#include <capstan/server/session/authenticator.hpp>
#include <capstan/server/session/options.hpp>
#include <memory>
#include <string>

namespace capstan {

/// What the settings mean for each part of the server.
SessionOptions session_options(ServerConfig const& config);
PartitionOptions partition_options(ServerConfig const& config);
HttpApiOptions http_options(ServerConfig const& config);
LogOptions log_options(ServerConfig const& config);
/// Errors: `config_invalid`.
Result<ListenerOptions> listener_options(ServerConfig const& config, std::string const& listen);

/// By its tokens. Errors: `config_invalid`, `disk_io`.
Result<std::unique_ptr<Authenticator>> make_authenticator(ServerConfig::Auth const& auth);

/// Nothing if the public address speaks plain. Errors: `config_invalid`, with the file.
Result<std::shared_ptr<TlsContext const>> make_tls(ServerConfig::Tls const& tls);

/// Reads the files that `serve` would read at its start: tokens, certificate and key. Errors:
/// `config_invalid`, with the file.
Result<> check_files(ServerConfig const& config);

}  // namespace capstan
