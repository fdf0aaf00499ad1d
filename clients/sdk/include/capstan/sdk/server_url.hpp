#pragma once
#include <capstan/schema/error.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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

/// Where a server is reached: at one address, or at those of several nodes of a cluster, separated
/// by commas. One of them is tried at a time. All of them have TLS, or none.
class ServerAddresses {
  public:
    /// Errors: `request_invalid`.
    static Result<ServerAddresses> parse(std::string_view text);

    ServerUrl const& url() const { return urls_[at_]; }
    /// The same as it was written.
    std::string const& text() const { return texts_[at_]; }
    ServerUrl const& first() const { return urls_.front(); }
    std::size_t count() const { return urls_.size(); }
    /// Goes on to the next one, in a circle.
    void next() { at_ = (at_ + 1) % count(); }
    void skip(std::uint64_t addresses) { at_ = (at_ + addresses) % count(); }

  private:
    std::vector<ServerUrl> urls_;  // at least one
    std::vector<std::string> texts_;
    std::size_t at_ = 0;
};

}  // namespace capstan
