#pragma once
#include <capstan/schema/error.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace capstan {

inline constexpr std::size_t kHttpHeadBytesMax = 16 * 1'024;
inline constexpr std::size_t kHttpFieldsMax = 100;

/// Why a request is not let in: the status to answer before the connection closes.
struct HeadRefusal {
    unsigned status = 400;  // 400, 411, 431, 505
    std::string_view why;
};

/// Checks the head of an HTTP/1 request, from its first byte to the empty line, before any parser
/// sees it: one that two parsers could read differently is refused. What it lets through has plain
/// CRLF lines, no folding, no control characters, one Host that agrees with the target, at most one
/// Content-Length and no Transfer-Encoding (bodies have a length here: 411), and no body where it
/// asks for an upgrade. Source: RFC 9112, sections 2.2, 3.2, 5, 6; RFC 6455, section 4.2.
std::optional<HeadRefusal> check_request_head(std::string_view head);

/// Where the head ends, behind its empty line; nothing if it isn't complete.
std::optional<std::size_t> find_head_end(std::string_view bytes);

}  // namespace capstan
