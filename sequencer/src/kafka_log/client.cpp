#include "client.hpp"

#include <array>
#include <sstream>

namespace capstan {
namespace kafka {
namespace {

using Configuration = Owner<rd_kafka_conf_t, rd_kafka_conf_destroy>;

void log_line(rd_kafka_t const* client, int, char const* facility, char const* text) {
    auto const* cluster = static_cast<KafkaCluster const*>(rd_kafka_opaque(client));
    if (cluster != nullptr && cluster->log) {
        cluster->log(std::string(facility) + " " + text);
    }
}

Settings settings_of(KafkaCluster const& cluster, Settings const& own) {
    Settings settings = {
        {"client.id", "capstan-" + cluster.cluster},
        {"socket.nagle.disable", "true"},
        {"reconnect.backoff.ms", "50"},
        {"reconnect.backoff.max.ms", "2000"},
        {"log_level", "4"},
    };
    for (auto const& [name, value] : cluster.settings) {
        settings[name] = value;
    }
    for (auto const& [name, value] : own) {
        settings[name] = value;
    }
    settings["bootstrap.servers"] = cluster.brokers;
    return settings;
}

}  // namespace

Result<Client> make_client(rd_kafka_type_t type,
                           KafkaCluster const& cluster,
                           Settings const& own,
                           int events) {
    Configuration configuration(rd_kafka_conf_new());
    std::array<char, 512> why{};
    for (auto const& [name, value] : settings_of(cluster, own)) {
        auto const set = rd_kafka_conf_set(
            configuration.get(), name.c_str(), value.c_str(), why.data(), why.size());
        if (set != RD_KAFKA_CONF_OK) {
            return Error{Errc::config_invalid, "kafka setting " + name + ": " + why.data()};
        }
    }
    // The opaque pointer is not const; `log_line` reads.
    rd_kafka_conf_set_opaque(configuration.get(), const_cast<KafkaCluster*>(&cluster));
    rd_kafka_conf_set_log_cb(configuration.get(), log_line);
    rd_kafka_conf_set_events(configuration.get(), events);
    Client client(rd_kafka_new(type, configuration.get(), why.data(), why.size()));
    if (client == nullptr) {
        return Error{Errc::config_invalid, std::string("kafka client: ") + why.data()};
    }
    configuration.release();  // the client's from here on
    return client;
}

}  // namespace kafka

namespace {

bool is_cluster_name(std::string_view name) {
    auto const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return !name.empty() && name.size() <= 200 &&
           name.find_first_not_of(allowed) == std::string_view::npos;
}

}  // namespace

Result<std::map<std::string, std::string>> parse_kafka_settings(std::string_view text) {
    std::map<std::string, std::string> settings;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        if (line.empty() || line.starts_with('#')) {
            continue;
        }
        auto const equals = line.find('=');
        if (equals == std::string::npos) {
            return Error{Errc::config_invalid, "expected NAME=VALUE, got " + line};
        }
        settings[line.substr(0, equals)] = line.substr(equals + 1);
    }
    return settings;
}

Result<KafkaCluster> parse_kafka_url(std::string_view url) {
    constexpr std::string_view kScheme = "kafka://";
    auto const slash = url.rfind('/');
    if (!url.starts_with(kScheme) || slash <= kScheme.size()) {
        return Error{Errc::config_invalid,
                     "expected kafka://HOST:PORT,…/CLUSTER, got " + std::string(url)};
    }
    KafkaCluster cluster;
    cluster.brokers = url.substr(kScheme.size(), slash - kScheme.size());
    cluster.cluster = url.substr(slash + 1);
    if (!is_cluster_name(cluster.cluster)) {
        return Error{Errc::config_invalid,
                     "cluster names are 1 to 200 of a-z A-Z 0-9 . _ -, got " + cluster.cluster};
    }
    return cluster;
}

}  // namespace capstan
