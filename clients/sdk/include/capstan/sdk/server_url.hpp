#pragma once
#include <capstan/schema/error.hpp>
#include <string>
#include <string_view>

namespace capstan {

/// Where a server is: `wss://host:port`, `http://host:port/behind/a/proxy` or just `host:port`. One
/// port serves WebSocket and HTTP, so that `ws` and `http` mean the same, as do `wss` and `https`.
struct ServerUrl {
    static constexpr std::string_view kPortDefault = "7411";

    std::string host;  // an IPv6 address without its brackets
    std::string port = std::string(kPortDefault);
    std::string prefix;   // of every path; no slash at its end
    bool secure = false;  // TLS

    /// Errors: `request_invalid`.
    static Result<ServerUrl> parse(std::string_view text);
    /// `host:port`, with brackets where they belong.
    std::string authority() const;
    friend bool operator==(ServerUrl const&, ServerUrl const&) = default;
};

}  // namespace capstan
