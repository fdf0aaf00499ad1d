#include "part_options.hpp"

#include <unistd.h>

#include <capstan/server/auth/token_file.hpp>
#include <capstan/server/config/settings.hpp>
#include <chrono>

#include "process.hpp"

namespace capstan {

using std::chrono::milliseconds;

SessionOptions session_options(ServerConfig const& config) {
    SessionOptions options;
    options.streams_max = config.session.streams_max;
    options.in_flight_max = config.session.in_flight_max;
    options.queued_bytes_soft = config.session.queued_bytes_soft;
    options.queued_bytes_hard = config.session.queued_bytes_hard;
    options.page_bytes = config.session.page_bytes;
    options.whole_bytes_max = config.snapshot.whole_bytes_max;
    options.greeting_max = milliseconds(config.session.greeting_ms);
    options.silence_max = milliseconds(config.session.silence_ms);
    options.stall_max = milliseconds(config.session.stall_ms);
    options.retry_after_ms = static_cast<std::uint32_t>(config.rate.retry_after_ms);
    options.rates.events = {config.rate.events_per_second, config.rate.events_burst};
    options.rates.bytes = {config.rate.bytes_per_second, config.rate.bytes_burst};
    return options;
}

PartitionOptions partition_options(ServerConfig const& config) {
    PartitionOptions options;
    options.segment_bytes = config.journal.segment_bytes;
    options.queue_bytes_max = config.journal.queue_bytes_max;
    options.batch_bytes_max = config.journal.batch_bytes_max;
    options.checkpoint_bytes = config.checkpoint.journal_bytes_max;
    options.checkpoint_interval_ms = config.checkpoint.interval_ms;
    options.rows_max = config.checkpoint.rows_max;
    return options;
}

Result<ListenerOptions> listener_options(ServerConfig const& config, std::string const& listen) {
    CAPSTAN_TRY(auto const address, parse_host_port(listen));
    ListenerOptions options;
    options.address = address.host;
    options.port = address.port;
    options.connections_max =
        connections_allowed(config.net.connections_max, config.net.descriptors_reserved);
    options.accepts_per_second = config.net.accepts_per_second;
    options.http_body_bytes_max = config.http.body_bytes_max;
    options.head_max = milliseconds(config.http.header_ms);
    options.body_grace = milliseconds(config.http.body_grace_ms);
    options.body_rate_min = config.http.body_bytes_per_second_min;
    options.write_max = milliseconds(config.net.write_ms);
    options.idle_max = milliseconds(config.http.idle_ms);
    options.ping_every = milliseconds(config.net.ping_ms);
    options.frames.controls_max = config.net.control_frames_per_second;
    options.origins = config.net.origins;
    return options;
}

HttpApiOptions http_options(ServerConfig const& config) {
    HttpApiOptions options;
    options.wait_max = milliseconds(config.http.wait_ms_max);
    options.page_bytes_max = config.http.page_bytes_max;
    options.retry_after_ms = static_cast<std::uint32_t>(config.rate.retry_after_ms);
    return options;
}

LogOptions log_options(ServerConfig const& config) {
    bool const text =
        config.log.format == "text" || (config.log.format == "auto" && isatty(STDERR_FILENO) == 1);
    LogOptions options;
    options.format = text ? LogFormat::text : LogFormat::json;
    for (auto const level : {LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error}) {
        if (config.log.level == to_string(level)) {
            options.level = level;
        }
    }
    options.events_per_second = config.log.events_per_second;
    options.events_burst = config.log.events_burst;
    return options;
}

Result<std::unique_ptr<Authenticator>> make_authenticator(ServerConfig::Auth const& auth) {
    if (auth.token_file.empty()) {
        return std::make_unique<DevAuthenticator>(auth.dev_token);
    }
    CAPSTAN_TRY(auto const text, read_text_file(auth.token_file));
    auto tokens = TokenFileAuthenticator::parse(text);
    if (!tokens) {
        return Error{tokens.error().code, auth.token_file + ": " + tokens.error().detail};
    }
    return std::move(tokens).value();
}

Result<std::shared_ptr<TlsContext const>> make_tls(ServerConfig::Tls const& tls) {
    if (!tls.is_on()) {
        return std::shared_ptr<TlsContext const>();
    }
    return TlsContext::server({tls.certificate_file, tls.key_file});
}

Result<> check_files(ServerConfig const& config) {
    if (!config.auth.token_file.empty()) {
        CAPSTAN_TRY(make_authenticator(config.auth));
    }
    CAPSTAN_TRY(make_tls(config.tls));
    return success();
}

}  // namespace capstan
