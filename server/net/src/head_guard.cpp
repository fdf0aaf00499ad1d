#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <capstan/server/net/head_guard.hpp>
#include <string>

namespace capstan {
namespace {

using boost::algorithm::iequals;

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kLengthDigitsMax = 15;

bool is_token_character(char c) {
    bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    bool const digit = c >= '0' && c <= '9';
    return letter || digit || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, is_token_character);
}

/// What a host and port are made of (RFC 3986, without users).
bool is_host_character(char c) {
    bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    bool const digit = c >= '0' && c <= '9';
    return letter || digit ||
           std::string_view("-._~:[]%!$&'()*+,;=").find(c) != std::string_view::npos;
}

bool is_visible(char c) {
    return c > 0x20 && c < 0x7f;
}

bool is_value_character(char c) {
    auto const byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}

std::string_view trimmed(std::string_view text) {
    auto const first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// What the fields of a head say about who is meant and how long the body is.
struct Fields {
    std::optional<std::string_view> host;
    std::optional<std::string_view> length;
    bool transfer_encoding = false;
    bool upgrade = false;
};

std::optional<HeadRefusal> refuse(std::string_view why, unsigned status = 400) {
    return HeadRefusal{status, why};
}

std::optional<HeadRefusal> take_field(std::string_view line, Fields& fields) {
    auto const colon = line.find(':');
    if (line.front() == ' ' || line.front() == '\t') {
        return refuse("a folded field");
    }
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
        return refuse("a field name that is no token");
    }
    auto const name = line.substr(0, colon);
    auto const value = trimmed(line.substr(colon + 1));
    if (!std::ranges::all_of(value, is_value_character)) {
        return refuse("a control character in a field");
    }
    if (iequals(name, "host")) {
        if (std::exchange(fields.host, value)) {
            return refuse("two Host fields");
        }
    } else if (iequals(name, "content-length")) {
        if (std::exchange(fields.length, value)) {
            return refuse("two Content-Length fields");
        }
    } else if (iequals(name, "transfer-encoding")) {
        fields.transfer_encoding = true;
    } else if (iequals(name, "upgrade")) {
        fields.upgrade = true;
    }
    return std::nullopt;
}

/// The authority of `http://authority/path`; nothing for other forms.
std::optional<std::string_view> authority_of(std::string_view target) {
    for (std::string_view const scheme : {"http://", "https://"}) {
        if (boost::algorithm::istarts_with(target, scheme)) {
            auto const rest = target.substr(scheme.size());
            return rest.substr(0, rest.find_first_of("/?"));
        }
    }
    return std::nullopt;
}

struct RequestLine {
    std::string_view target;
    bool http_1_1 = false;
};

std::optional<HeadRefusal> take_request_line(std::string_view line, RequestLine& request) {
    auto const first = line.find(' ');
    auto const last = line.rfind(' ');
    if (first == std::string_view::npos || first == last || !is_token(line.substr(0, first))) {
        return refuse("not a request line");
    }
    request.target = line.substr(first + 1, last - first - 1);
    if (request.target.empty() || !std::ranges::all_of(request.target, is_visible)) {
        return refuse("a target with spaces or control characters");
    }
    bool const asterisk = request.target == "*" && line.starts_with("OPTIONS ");
    if (request.target.front() != '/' && !authority_of(request.target) && !asterisk) {
        return refuse("a target that is no path");
    }
    auto const version = line.substr(last + 1);
    request.http_1_1 = version == "HTTP/1.1";
    if (!request.http_1_1 && version != "HTTP/1.0") {
        return version.starts_with("HTTP/") ? refuse("a version other than HTTP/1.0 and 1.1", 505)
                                            : refuse("not a request line");
    }
    return std::nullopt;
}

bool is_length(std::string_view value) {
    return !value.empty() && value.size() <= kLengthDigitsMax &&
           std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<HeadRefusal> check_meaning(RequestLine const& request, Fields const& fields) {
    if (request.http_1_1 && (!fields.host || fields.host->empty())) {
        return refuse("no Host field");
    }
    if (fields.host && !std::ranges::all_of(*fields.host, is_host_character)) {
        return refuse("a Host that is no host");
    }
    if (auto const authority = authority_of(request.target);
        authority && (!fields.host || !iequals(*authority, *fields.host))) {
        return refuse("a target that does not agree with Host");
    }
    if (fields.transfer_encoding) {
        // With a length beside it, or before HTTP/1.1, it is an attempt to be read in two ways.
        bool const ambiguous = fields.length || !request.http_1_1;
        return ambiguous ? refuse("Transfer-Encoding where it does not belong")
                         : refuse("a body without Content-Length", 411);
    }
    if (fields.length && !is_length(*fields.length)) {
        return refuse("a Content-Length that is no number");
    }
    if (fields.upgrade && fields.length && trimmed(*fields.length) != "0") {
        return refuse("an upgrade with a body");
    }
    return std::nullopt;
}

/// Takes the next line without its end. Nothing where a lone CR or LF comes before CRLF.
std::optional<std::string_view> take_line(std::string_view& rest) {
    auto const end = rest.find_first_of(kLineEnd);
    if (end == std::string_view::npos || rest.substr(end, kLineEnd.size()) != kLineEnd) {
        return std::nullopt;
    }
    auto const line = rest.substr(0, end);
    rest.remove_prefix(end + kLineEnd.size());
    return line;
}

}  // namespace

std::optional<std::size_t> find_head_end(std::string_view bytes) {
    constexpr std::string_view kHeadEnd = "\r\n\r\n";
    auto const at = bytes.find(kHeadEnd);
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    return at + kHeadEnd.size();
}

std::optional<HeadRefusal> check_request_head(std::string_view head) {
    if (head.size() > kHttpHeadBytesMax) {
        return refuse("a head above the limit", 431);
    }
    auto line = take_line(head);
    RequestLine request;
    Fields fields;
    if (!line) {
        return refuse("a line that does not end in CRLF");
    }
    if (auto refusal = take_request_line(*line, request)) {
        return refusal;
    }
    std::size_t count = 0;
    while ((line = take_line(head)) && !line->empty()) {
        if (++count > kHttpFieldsMax) {
            return refuse("too many fields", 431);
        }
        if (auto refusal = take_field(*line, fields)) {
            return refusal;
        }
    }
    if (!line || !head.empty()) {
        return refuse("a line that does not end in CRLF");
    }
    return check_meaning(request, fields);
}

}  // namespace capstan
