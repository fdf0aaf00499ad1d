#include <algorithm>
#include <array>
#include <capstan/sdk/server_url.hpp>

namespace capstan {
namespace {

constexpr std::size_t kHostBytesMax = 255;
constexpr std::size_t kPrefixBytesMax = 1'024;

Error bad_url(std::string_view text, std::string_view why) {
    return Error{Errc::request_invalid,
                 "server '" + std::string(text.substr(0, 200)) + "': " + std::string(why)};
}

bool is_port(std::string_view text) {
    bool const digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    return digits && !text.empty() && text.size() <= 5 &&
           std::stoul(std::string(text)) - 1 < 65'535;
}

bool is_plain(std::string_view text) {
    return std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

Result<ServerUrl> ServerUrl::parse(std::string_view const text) {
    ServerUrl url;
    auto rest = text;
    if (auto const scheme_end = rest.find("://"); scheme_end != std::string_view::npos) {
        auto const scheme = rest.substr(0, scheme_end);
        url.secure = scheme == "wss" || scheme == "https";
        if (!url.secure && scheme != "ws" && scheme != "http") {
            return bad_url(text, "expected http://, https://, ws:// or wss://");
        }
        rest.remove_prefix(scheme_end + 3);
    }
    auto const path = std::min(rest.find('/'), rest.size());
    url.prefix = rest.substr(path);
    while (url.prefix.ends_with('/')) {
        url.prefix.pop_back();
    }
    rest = rest.substr(0, path);

    bool const bracketed = rest.starts_with('[');
    auto const host_end = bracketed ? rest.find(']') : std::min(rest.find(':'), rest.size());
    if (host_end == std::string_view::npos) {
        return bad_url(text, "no ] behind the address");
    }
    url.host = bracketed ? rest.substr(1, host_end - 1) : rest.substr(0, host_end);
    rest.remove_prefix(host_end + (bracketed ? 1 : 0));
    if (!rest.empty()) {
        if (rest.front() != ':' || !is_port(rest.substr(1))) {
            return bad_url(text, "no port from 1 to 65535");
        }
        url.port = rest.substr(1);
    }
    bool const good = !url.host.empty() && url.host.size() <= kHostBytesMax && is_plain(url.host) &&
                      url.host.find_first_of("@?#") == std::string::npos &&
                      url.prefix.size() <= kPrefixBytesMax && is_plain(url.prefix) &&
                      url.prefix.find_first_of("?#") == std::string::npos;
    if (!good) {
        return bad_url(text, "expected host:port and perhaps a path");
    }
    return url;
}

Result<ServerAddresses> ServerAddresses::parse(std::string_view const text) {
    ServerAddresses addresses;
    for (std::size_t at = 0; at <= text.size();) {
        auto const end = std::min(text.find(',', at), text.size());
        auto const one = text.substr(at, end - at);
        CAPSTAN_TRY(auto url, ServerUrl::parse(one));
        if (!addresses.urls_.empty() && addresses.first().secure != url.secure) {
            return bad_url(text, "some with TLS and some without");
        }
        addresses.urls_.push_back(std::move(url));
        addresses.texts_.emplace_back(one);
        at = end + 1;
    }
    return addresses;
}

std::string ServerUrl::authority() const {
    bool const v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + port;
}

}  // namespace capstan
