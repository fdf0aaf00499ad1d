#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <capstan/server/config/settings.hpp>
#include <charconv>
#include <numeric>

namespace capstan {
namespace {

Error invalid(std::string detail) {
    return Error{Errc::config_invalid, std::move(detail)};
}

template <std::size_t N>
Result<> one_of(std::string_view text, std::array<std::string_view, N> const& words) {
    if (std::ranges::find(words, text) != words.end()) {
        return success();
    }
    std::string list;
    for (auto const word : words) {
        list += (list.empty() ? "" : ", ") + std::string(word);
    }
    return invalid("expected one of " + list);
}

Result<> check_address(std::string_view text) {
    CAPSTAN_TRY(parse_host_port(text));
    return success();
}
Result<> check_level(std::string_view text) {
    return one_of(text, std::array<std::string_view, 4>{"debug", "info", "warn", "error"});
}
Result<> check_format(std::string_view text) {
    return one_of(text, std::array<std::string_view, 3>{"auto", "text", "json"});
}
Result<> check_path(std::string_view text) {
    if (text.empty() || text.find('\0') != std::string_view::npos) {
        return invalid("expected a path");
    }
    return success();
}
Result<> check_token(std::string_view text) {
    if (text.size() > kTokenBytesMax ||
        !std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; })) {
        return invalid("expected visible ASCII without spaces, as in a header field");
    }
    return success();
}
Result<> check_origin(std::string_view text) {
    bool const scheme = text.starts_with("http://") || text.starts_with("https://");
    if (!scheme || text.back() == '/' || text.find_first_of(" \t") != std::string_view::npos) {
        return invalid("expected an origin such as https://app.example, without a path");
    }
    return success();
}

Result<> check_cluster(std::string_view text) {
    auto const slash = text.rfind('/');
    bool const is_whole = text.starts_with("kafka://") && slash > 8 && slash + 1 < text.size();
    if (!text.empty() && !is_whole) {
        return invalid("expected kafka://HOST:PORT,…/CLUSTER, got `" + std::string(text) + "`");
    }
    return success();
}

#define FIELD(member) [](ServerConfig& config) -> SettingField { return &config.member; }

constexpr std::uint64_t kMiB = 1'048'576;
constexpr std::uint64_t kHourMs = 3'600'000;

// clang-format off
constexpr Setting kSettings[] = {
    {"", "data_dir", FIELD(data_dir), "DIR", "Journal, index and checkpoints live here; one process at a time.", 0, 0, check_path},
    {"", "listen", FIELD(listen), "HOST:PORT", "Public address: HTTP and WebSocket. HOST is an IP address or localhost.", 0, 0, check_address},
    {"", "insecure", FIELD(insecure), "", "Allow an address that is not loopback without TLS and tokens."},
    {"admin", "listen", FIELD(admin.listen), "HOST:PORT", "Address of /livez, /readyz and /metrics.", 0, 0, check_address},

    {"auth", "token_file", FIELD(auth.token_file), "FILE", "Lines of `TOKEN TENANT/SUBJECT [read:PATTERN] [write:PATTERN] [import:PATTERN] …`; a TOKEN may be given as sha256:HEX. Without this and dev_token nobody is asked: whoever reaches the address may read and write everything."},
    {"auth", "dev_token", FIELD(auth.dev_token), "TOKEN", "One token for everything, for development.", 0, 0, check_token, true},

    {"tls", "certificate_file", FIELD(tls.certificate_file), "FILE", "PEM: the server's certificate, then those up to its authority. With it the public address speaks TLS only."},
    {"tls", "key_file", FIELD(tls.key_file), "FILE", "PEM: the certificate's key, without a passphrase."},

    {"journal", "segment_bytes", FIELD(journal.segment_bytes), "BYTES", "Size of a journal file.", kSegmentBytesMin, kSegmentBytesMax},
    {"journal", "queue_bytes_max", FIELD(journal.queue_bytes_max), "BYTES", "Submissions that may wait for the disk; beyond it publishers are told to wait.", kMiB, 16'384 * kMiB},
    {"journal", "batch_bytes_max", FIELD(journal.batch_bytes_max), "BYTES", "One write and flush takes at most this much.", kMiB, kFrameBytesMax},
    {"journal", "cluster", FIELD(journal.cluster), "URL", "kafka://HOST:PORT,…/CLUSTER: this server is a node of that cluster, and keeps a copy of its journal in data_dir.", 0, 0, check_cluster},
    {"journal", "cluster_settings_file", FIELD(journal.cluster_settings_file), "FILE", "Lines of NAME=VALUE for librdkafka: TLS, SASL and the like."},
    {"journal", "cluster_replicas", FIELD(journal.cluster_replicas), "COUNT", "Replicas of the cluster's topic, if this node is the one that creates it.", 1, 15},
    {"journal", "cluster_linger_ms", FIELD(journal.cluster_linger_ms), "MS", "How long publishes gather before they go to the brokers; 1 pays where brokers flush each message.", 0, 1},

    {"checkpoint", "interval_ms", FIELD(checkpoint.interval_ms), "MS", "Time between checkpoints of derived state.", 100, kHourMs},
    {"checkpoint", "journal_bytes_max", FIELD(checkpoint.journal_bytes_max), "BYTES", "A checkpoint at the latest after so much journal; bounds the time of a restart.", kMiB, 1'024 * kMiB},
    {"checkpoint", "rows_max", FIELD(checkpoint.rows_max), "COUNT", "Rows of streams and devices kept in memory between checkpoints.", 1'000, 100'000'000},

    {"net", "connections_max", FIELD(net.connections_max), "COUNT", "Open connections; then accepting pauses.", 1, 10'000'000},
    {"net", "accepts_per_second", FIELD(net.accepts_per_second), "COUNT", "New connections in a second; more wait in the kernel's queue.", 1, 1'000'000},
    {"net", "descriptors_reserved", FIELD(net.descriptors_reserved), "COUNT", "File descriptors that connections leave to the journal and the index.", 16, 65'536},
    {"net", "write_ms", FIELD(net.write_ms), "MS", "A peer that takes nothing for so long is closed.", 100, kHourMs},
    {"net", "ping_ms", FIELD(net.ping_ms), "MS", "A WebSocket that was silent for so long is pinged.", 100, kHourMs},
    {"net", "control_frames_per_second", FIELD(net.control_frames_per_second), "COUNT", "Pings and pongs that a peer may send in a second.", 1, 100'000},
    {"net", "origins", FIELD(net.origins), "ORIGIN,…", "Origins of web pages that may open a WebSocket, beside the server's own.", 0, 0, check_origin},

    {"http", "header_bytes_max", FIELD(http.header_bytes_max), "BYTES", "Request line and header fields together.", 1'024, 65'536},
    {"http", "header_fields_max", FIELD(http.header_fields_max), "COUNT", "Header fields of a request.", 8, 1'000},
    {"http", "header_ms", FIELD(http.header_ms), "MS", "Time for the whole header, from its first byte or the accept.", 100, kHourMs},
    {"http", "body_bytes_max", FIELD(http.body_bytes_max), "BYTES", "Body of a request.", 1'024, 64 * kMiB},
    {"http", "body_bytes_per_second_min", FIELD(http.body_bytes_per_second_min), "BYTES", "A body that comes more slowly is refused.", 1, kMiB},
    {"http", "body_grace_ms", FIELD(http.body_grace_ms), "MS", "Time before the rate of a body counts.", 100, kHourMs},
    {"http", "idle_ms", FIELD(http.idle_ms), "MS", "A connection that waits for its next request is closed after this.", 100, kHourMs},
    {"http", "wait_ms_max", FIELD(http.wait_ms_max), "MS", "Longest long poll.", 100, kHourMs},
    {"http", "page_bytes_max", FIELD(http.page_bytes_max), "BYTES", "Events of one answer, before they are written as JSON.", 65'536, 16 * kMiB},

    {"session", "streams_max", FIELD(session.streams_max), "COUNT", "Streams that one connection may follow.", 1, 1'000'000},
    {"session", "in_flight_max", FIELD(session.in_flight_max), "COUNT", "Runs of one connection without an answer; then its bytes wait.", 1, 1'000'000},
    {"session", "queued_bytes_soft", FIELD(session.queued_bytes_soft), "BYTES", "Queued for one connection; then live events wait on the tape.", 65'536, 1'024 * kMiB},
    {"session", "queued_bytes_hard", FIELD(session.queued_bytes_hard), "BYTES", "Queued for one connection; then it is closed.", 65'536, 1'024 * kMiB},
    {"session", "page_bytes", FIELD(session.page_bytes), "BYTES", "Read from the tape at once for one reader.", 4'096, 1'000'000},
    {"session", "greeting_ms", FIELD(session.greeting_ms), "MS", "Time until Hello.", 100, kHourMs},
    {"session", "silence_ms", FIELD(session.silence_ms), "MS", "A peer that says nothing for so long is gone.", 1'000, kHourMs},
    {"session", "stall_ms", FIELD(session.stall_ms), "MS", "A session whose peer takes nothing for so long ends.", 100, kHourMs},

    {"snapshot", "enabled", FIELD(snapshot.enabled), "BOOL", "Build snapshots of streams and offer them to devices that are far behind."},
    {"snapshot", "events", FIELD(snapshot.events), "COUNT", "A stream's next snapshot is due behind so many events; 0 is never.", 0, 1'000'000'000},
    {"snapshot", "bytes", FIELD(snapshot.bytes), "BYTES", "The same by bytes of events; 0 is never.", 0, 1'000'000 * kMiB},
    {"snapshot", "events_min", FIELD(snapshot.events_min), "COUNT", "Fewer events than this are never due by age.", 1, 1'000'000'000},
    {"snapshot", "age_ms", FIELD(snapshot.age_ms), "MS", "Events that are in no snapshot for so long make one due; 0 is never.", 0, 8'784 * kHourMs},
    {"snapshot", "whole_bytes_max", FIELD(snapshot.whole_bytes_max), "BYTES", "A snapshot up to this size follows the answer at once; of a larger one a device asks for what it lacks.", 0, 16 * kMiB},
    {"snapshot", "cache_bytes", FIELD(snapshot.cache_bytes), "BYTES", "Manifests and chunks kept in memory for all devices together.", 0, 16'384 * kMiB},
    {"snapshot", "share_percent", FIELD(snapshot.share_percent), "PERCENT", "Of one core, for snapshots that nobody waits for; under unbroken load they fall behind instead of slowing writers.", 1, 100},
    {"snapshot", "check_every", FIELD(snapshot.check_every), "COUNT", "One in so many builds is compared with the tape, if the stream has doubled since the last comparison; 0 is none.", 0, 1'000'000},

    {"rate", "events_per_second", FIELD(rate.events_per_second), "COUNT", "Events that a device may publish to a stream; 0 is no limit.", 0, 1'000'000'000},
    {"rate", "events_burst", FIELD(rate.events_burst), "COUNT", "Events at once, on top of the rate.", 0, 1'000'000'000},
    {"rate", "bytes_per_second", FIELD(rate.bytes_per_second), "BYTES", "Bytes that a device may publish to a stream; 0 is no limit.", 0, 1'000'000 * kMiB},
    {"rate", "bytes_burst", FIELD(rate.bytes_burst), "BYTES", "Bytes at once, on top of the rate.", 0, 1'000'000 * kMiB},
    {"rate", "retry_after_ms", FIELD(rate.retry_after_ms), "MS", "What an overloaded server asks its publishers to wait.", 1, 60'000},

    {"log", "level", FIELD(log.level), "LEVEL", "debug, info, warn or error.", 0, 0, check_level},
    {"log", "format", FIELD(log.format), "FORMAT", "auto (text on a terminal, else JSON), text or json.", 0, 0, check_format},
    {"log", "events_per_second", FIELD(log.events_per_second), "COUNT", "Lines of one event name in a second; more are counted and left out.", 1, 1'000'000},
    {"log", "events_burst", FIELD(log.events_burst), "COUNT", "Lines of one event name at once, on top of the rate.", 1, 1'000'000},

    {"drain", "timeout_ms", FIELD(drain.timeout_ms), "MS", "After SIGTERM sessions have so long to get their answers.", 0, kHourMs},
};
// clang-format on
#undef FIELD

std::string joined(Setting const& setting, char separator) {
    std::string name(setting.section);
    if (!name.empty()) {
        name += separator;
    }
    return name.append(setting.key);
}

Result<> assign(bool& value, Setting const&, std::string_view text) {
    if (text != "true" && text != "false") {
        return invalid("expected true or false, got `" + std::string(text) + "`");
    }
    value = text == "true";
    return success();
}

Result<> assign(std::uint64_t& value, Setting const& setting, std::string_view text) {
    std::string digits(text);
    std::erase(digits, '_');  // as in the file: 64_000_000
    std::uint64_t number = 0;
    auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size()) {
        return invalid("expected a whole number, got `" + std::string(text) + "`");
    }
    if (number < setting.min || number > setting.max) {
        return invalid("expected " + std::to_string(setting.min) + " to " +
                       std::to_string(setting.max) + ", got " + std::to_string(number));
    }
    value = number;
    return success();
}

Result<> assign(std::string& value, Setting const& setting, std::string_view text) {
    if (setting.check) {
        CAPSTAN_TRY(setting.check(text));
    }
    value = text;
    return success();
}

Result<> assign(std::vector<std::string>& value, Setting const& setting, std::string_view text) {
    std::vector<std::string> entries;
    while (!text.empty()) {
        auto const comma = std::min(text.find(','), text.size());
        std::string entry;
        CAPSTAN_TRY(assign(entry, setting, text.substr(0, comma)));
        entries.push_back(std::move(entry));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    value = std::move(entries);
    return success();
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (char const c : text) {
        out += (c == '"' || c == '\\') ? std::string("\\") + c : std::string(1, c);
    }
    return out + '"';
}

struct AsText {
    std::string operator()(bool const* value) const { return *value ? "true" : "false"; }
    std::string operator()(std::uint64_t const* value) const { return std::to_string(*value); }
    std::string operator()(std::string const* value) const { return *value; }
    std::string operator()(std::vector<std::string> const* value) const {
        std::string out;
        for (auto const& entry : *value) {
            out += (out.empty() ? "" : ",") + entry;
        }
        return out;
    }
};

struct AsToml {
    std::string operator()(bool const* value) const { return AsText{}(value); }
    std::string operator()(std::uint64_t const* value) const { return AsText{}(value); }
    std::string operator()(std::string const* value) const { return quoted(*value); }
    std::string operator()(std::vector<std::string> const* value) const {
        std::string out;
        for (auto const& entry : *value) {
            out += (out.empty() ? "" : ", ") + quoted(entry);
        }
        return "[" + out + "]";
    }
};

// The table hands out places in a config that it may change; reading one changes nothing.
SettingField place(Setting const& setting, ServerConfig const& config) {
    return setting.field(const_cast<ServerConfig&>(config));
}

std::size_t edits(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            auto const replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size()];
}

bool is_address(std::string const& host) {
    in6_addr parsed{};
    return ::inet_pton(AF_INET, host.c_str(), &parsed) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), &parsed) == 1;
}

/// What others than this machine can reach is encrypted and asks who they are.
Result<> check_exposure(ServerConfig const& config) {
    CAPSTAN_TRY(auto const front, parse_host_port(config.listen));
    CAPSTAN_TRY(auto const admin, parse_host_port(config.admin.listen));
    if (config.insecure) {
        return success();
    }
    bool const has_tokens = !config.auth.token_file.empty() || !config.auth.dev_token.empty();
    if (!is_loopback(front.host) && !config.tls.is_on()) {
        return invalid(config.listen +
                       " is not loopback and there is no TLS: set "
                       "tls.certificate_file and tls.key_file, or accept that with --insecure");
    }
    if (!is_loopback(front.host) && !has_tokens) {
        return invalid(config.listen +
                       " is not loopback and nobody is asked for a token: set "
                       "auth.token_file, or accept that with --insecure");
    }
    if (!is_loopback(admin.host)) {
        return invalid(config.admin.listen +
                       " is not loopback, and the admin address speaks no "
                       "TLS and asks for no token; accept that with --insecure");
    }
    return success();
}

}  // namespace

std::span<Setting const> settings() {
    return kSettings;
}

std::string setting_name(Setting const& setting) {
    return joined(setting, '.');
}

std::string setting_flag(Setting const& setting) {
    auto name = joined(setting, '-');
    std::ranges::replace(name, '_', '-');
    return "--" + name;
}

std::string setting_variable(Setting const& setting) {
    auto name = joined(setting, '_');
    std::ranges::transform(name, name.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return "CAPSTAND_" + name;
}

Result<> assign_setting(Setting const& setting, ServerConfig& config, std::string_view text) {
    return std::visit([&](auto* value) { return assign(*value, setting, text); },
                      setting.field(config));
}

std::string setting_text(Setting const& setting, ServerConfig const& config) {
    return std::visit(AsText{}, place(setting, config));
}

std::string setting_toml(Setting const& setting, ServerConfig const& config) {
    return std::visit(AsToml{}, place(setting, config));
}

Result<> check_config(ServerConfig const& config) {
    if (config.tls.certificate_file.empty() != config.tls.key_file.empty()) {
        return invalid("tls.certificate_file and tls.key_file need each other");
    }
    CAPSTAN_TRY(check_exposure(config));
    if (config.session.queued_bytes_soft > config.session.queued_bytes_hard) {
        return invalid("session.queued_bytes_soft is above session.queued_bytes_hard");
    }
    if (config.net.ping_ms >= config.session.silence_ms) {
        return invalid("net.ping_ms must be below session.silence_ms, or quiet peers are dropped");
    }
    if (!config.auth.token_file.empty() && !config.auth.dev_token.empty()) {
        return invalid("auth.token_file and auth.dev_token exclude each other");
    }
    return success();
}

Result<HostPort> parse_host_port(std::string_view text) {
    auto const colon = text.rfind(':');
    auto host = text.substr(0, colon);
    bool const bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed) {
        host = host.substr(1, host.size() - 2);
    }
    bool const lone = bracketed || host.find(':') == std::string_view::npos;
    HostPort parsed{host == "localhost" ? "127.0.0.1" : std::string(host), 0};
    if (colon != std::string_view::npos && lone && is_address(parsed.host)) {
        auto const digits = text.substr(colon + 1);
        auto const [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), parsed.port);
        if (!digits.empty() && error == std::errc{} && end == digits.data() + digits.size()) {
            return parsed;
        }
    }
    return invalid("expected an address and a port, such as 127.0.0.1:7411 or [::]:7411, got `" +
                   std::string(text) + "`");
}

bool is_loopback(std::string_view host) {
    return host == "::1" || host.starts_with("127.");
}

std::string_view nearest(std::string_view text, std::span<std::string const> candidates) {
    std::string_view best;
    std::size_t best_edits = std::max<std::size_t>(2, text.size() / 4) + 1;
    for (std::string const& candidate : candidates) {
        if (auto const n = edits(text, candidate); n < best_edits) {
            best = candidate;
            best_edits = n;
        }
    }
    return best;
}

}  // namespace capstan
