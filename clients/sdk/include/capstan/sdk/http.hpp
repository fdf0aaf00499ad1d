#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/schema/error.hpp>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace capstan {

struct HttpRequestOptions {
    std::string url;  // as `ServerUrl`
    std::string method = "GET";
    std::string path;  // behind the prefix: `/v1/streams/acme/room`
    std::string token;
    std::string ca_file;  // as in ClientOptions
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
    std::string content_type;  // of the body
    Duration timeout = std::chrono::seconds(30);
};

struct HttpAnswer {
    unsigned status = 0;
    std::string body;
};

/// One request on a connection of its own, for what the sync protocol does not say: creating and
/// sealing streams. Blocks. Problem details (RFC 9457) with a catalogued code become that error.
/// Errors: `unavailable` (also: whom TLS does not trust), `config_invalid` (the CA file),
/// `timed_out`, `connection_closed`, `http_refused`, what the server says.
Result<HttpAnswer> http_request(HttpRequestOptions const& options);

}  // namespace capstan
