#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace capstan {

/// What a server answers to a client's Sec-WebSocket-Key; nothing if that is no key.
/// Source: RFC 6455, section 4.2.2.
std::optional<std::string> websocket_accept(std::string_view key);

}  // namespace capstan
