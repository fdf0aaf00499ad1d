#pragma once
#include <capstan/server/net/http_message.hpp>

namespace capstan {

/// The framing guard: reads the head of a request and refuses all that two readers could
/// understand differently, since what is ambiguous here was smuggled past a proxy before.
///
///   head  := method SP target SP HTTP/1.(0|1) CRLF (name ":" OWS value OWS CRLF)* CRLF
///
/// Refused with 400: line ends other than CRLF, controls and NUL, folded lines, space before a
/// colon, Content-Length more than once or with Transfer-Encoding in any order, a coding other than
/// exactly `chunked`, chunked in HTTP/1.0, Host missing, twice or unlike the target's authority, a
/// body with an upgrade. 413, 431, 417, 505: as their names say.
struct HttpHead {
    HttpRequest request;  // without its body
    std::size_t content_length = 0;
    bool chunked = false;
    bool expects_continue = false;
    bool is_upgrade = false;  // `Connection: upgrade` with an Upgrade field
};

/// `text` is a whole head with its empty line.
HttpResult<HttpHead> read_http_head(std::string_view text, HttpLimits const& limits);

/// Fields of a trailer, which are checked and dropped. `text` ends with the empty line.
HttpResult<> check_http_trailer(std::string_view text, HttpLimits const& limits);

}  // namespace capstan
