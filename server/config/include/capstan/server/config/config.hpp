#pragma once
#include <capstan/schema/limits.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace capstan {

/// Everything that an operator can set, with its default. One struct per section of the file; what
/// each setting means, its bounds and its names stand in one table, settings.cpp.
struct ServerConfig {
    std::string data_dir = "capstan-data";
    std::string listen = "127.0.0.1:7411";
    bool insecure = false;

    struct Admin {
        std::string listen = "127.0.0.1:7412";
    } admin;

    struct Auth {
        std::string token_file;
        std::string dev_token;
    } auth;

    struct Tls {
        std::string certificate_file;  // both or neither
        std::string key_file;

        bool is_on() const { return !certificate_file.empty(); }
    } tls;

    struct Journal {
        std::uint64_t segment_bytes = kSegmentBytesDefault;
        std::uint64_t queue_bytes_max = 64 * 1'048'576;
        std::uint64_t batch_bytes_max = 4 * 1'048'576;
        std::string cluster;  // kafka://…; empty: this server's own files are the journal
        std::string cluster_settings_file;
        std::uint64_t cluster_replicas = 3;
        std::uint64_t cluster_linger_ms = 0;
    } journal;

    struct Checkpoint {
        std::uint64_t interval_ms = 5'000;
        std::uint64_t journal_bytes_max = 32 * 1'048'576;
        std::uint64_t rows_max = 200'000;
    } checkpoint;

    struct Net {
        std::uint64_t connections_max = 20'000;
        std::uint64_t accepts_per_second = 2'000;
        std::uint64_t descriptors_reserved = 64;
        std::uint64_t write_ms = 10'000;
        std::uint64_t ping_ms = 25'000;
        std::uint64_t control_frames_per_second = 20;
        std::vector<std::string> origins;
    } net;

    struct Http {
        std::uint64_t header_bytes_max = 16'384;
        std::uint64_t header_fields_max = 100;
        std::uint64_t header_ms = 10'000;
        std::uint64_t body_bytes_max = kMessageBytesMax;
        std::uint64_t body_bytes_per_second_min = 1'024;
        std::uint64_t body_grace_ms = 5'000;
        std::uint64_t idle_ms = 60'000;
        std::uint64_t wait_ms_max = 60'000;
        std::uint64_t page_bytes_max = 1'048'576;
    } http;

    struct Session {
        std::uint64_t streams_max = 16'384;
        std::uint64_t in_flight_max = 4'096;
        std::uint64_t queued_bytes_soft = 1'048'576;
        std::uint64_t queued_bytes_hard = 4'194'304;
        std::uint64_t page_bytes = 524'288;
        std::uint64_t greeting_ms = 10'000;
        std::uint64_t silence_ms = 60'000;
        std::uint64_t stall_ms = 10'000;
    } session;

    struct Snapshot {
        bool enabled = true;
        std::uint64_t events = 10'000;
        std::uint64_t bytes = 4 * 1'048'576;
        std::uint64_t events_min = 500;
        std::uint64_t age_ms = 86'400'000;
        std::uint64_t whole_bytes_max = 262'144;
        std::uint64_t cache_bytes = 16 * 1'048'576;
        std::uint64_t check_every = 100;
        std::uint64_t share_percent = 10;
    } snapshot;

    struct Rate {
        std::uint64_t events_per_second = 0;
        std::uint64_t events_burst = 0;
        std::uint64_t bytes_per_second = 0;
        std::uint64_t bytes_burst = 0;
        std::uint64_t retry_after_ms = 250;
    } rate;

    struct Log {
        std::string level = "info";
        std::string format = "auto";
        std::uint64_t events_per_second = 10;
        std::uint64_t events_burst = 50;
    } log;

    struct Drain {
        std::uint64_t timeout_ms = 10'000;
    } drain;
};

}  // namespace capstan
