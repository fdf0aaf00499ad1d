#include <algorithm>
#include <array>
#include <capstan/schema/error.hpp>
#include <capstan/server/net/http_head.hpp>
#include <charconv>

namespace capstan {
namespace {

HttpRefusal refuse(std::string detail, int status = 400) {
    return HttpRefusal{status, std::move(detail)};
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}
/// What names and methods are made of (RFC 9110, token).
bool is_token(char c) {
    return is_letter(c) || is_digit(c) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool is_visible(char c) {
    return c > 0x20 && c < 0x7f;
}
/// Printable ASCII, space, tab, and bytes above ASCII.
bool is_value(char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}
bool is_host(char c) {
    return is_letter(c) || is_digit(c) ||
           std::string_view("-._~:[]%!$&'()*+,;=").find(c) != std::string_view::npos;
}

template <class Predicate>
bool all(std::string_view text, Predicate predicate) {
    return !text.empty() && std::ranges::all_of(text, predicate);
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

/// Takes one line without its CRLF. A CR or LF elsewhere is refused.
HttpResult<std::string_view> take_line(std::string_view& text) {
    auto const end = text.find("\r\n");
    if (end == std::string_view::npos) {
        return refuse("a line does not end with CRLF");
    }
    auto const line = text.substr(0, end);
    if (line.find_first_of("\r\n") != std::string_view::npos) {
        return refuse("a line holds a bare CR or LF");
    }
    text.remove_prefix(end + 2);
    return line;
}

HttpResult<HttpField> read_field(std::string_view line) {
    if (line.front() == ' ' || line.front() == '\t') {
        return refuse("a header line is folded");
    }
    auto const colon = line.find(':');
    auto const name = line.substr(0, colon);
    if (colon == std::string_view::npos || !all(name, is_token)) {
        return refuse("a header name is empty or holds what is no token");
    }
    auto value = line.substr(colon + 1);
    if (!std::ranges::all_of(value, is_value)) {
        return refuse("the value of " + std::string(name) + " holds a control character");
    }
    auto const first = std::min(value.find_first_not_of(" \t"), value.size());
    value.remove_prefix(first);
    value = value.substr(0, value.find_last_not_of(" \t") + 1);
    return HttpField{lower(name), std::string(value)};
}

HttpResult<std::vector<HttpField>> read_fields(std::string_view text, HttpLimits const& limits) {
    std::vector<HttpField> fields;
    while (true) {
        CAPSTAN_TRY(auto const line, take_line(text));
        if (line.empty()) {
            return fields;
        }
        if (fields.size() == limits.header_fields_max) {
            return refuse("more than " + std::to_string(fields.size()) + " header fields", 431);
        }
        CAPSTAN_TRY(auto field, read_field(line));
        fields.push_back(std::move(field));
    }
}

/// The only value of a field that may stand once; empty if it is absent.
HttpResult<std::optional<std::string_view>> only(HttpRequest const& request,
                                                 std::string_view name) {
    if (std::ranges::count(request.fields, name, &HttpField::name) > 1) {
        return refuse(std::string(name) + " stands more than once");
    }
    return request.field(name);
}

struct RequestLine {
    std::string_view method;
    std::string_view target;
    int minor = 1;
};

HttpResult<RequestLine> read_request_line(std::string_view line) {
    auto const first = line.find(' ');
    auto const last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) {
        return refuse("the request line is not METHOD TARGET VERSION");
    }
    RequestLine read{line.substr(0, first), line.substr(first + 1, last - first - 1), 1};
    auto const version = line.substr(last + 1);
    if (version.starts_with("HTTP/") && version != "HTTP/1.1" && version != "HTTP/1.0") {
        return refuse("only HTTP/1.0 and 1.1 are spoken here", 505);
    }
    if (!all(read.method, is_token) || !all(read.target, is_visible) || version.empty() ||
        !version.starts_with("HTTP/")) {
        return refuse("the request line is not METHOD TARGET VERSION");
    }
    read.minor = version.back() - '0';
    return read;
}

/// Splits the target; returns the authority of an absolute form, else nothing.
HttpResult<std::string_view> read_target(HttpRequest& request, std::string_view target) {
    std::string_view authority;
    if (auto const scheme = lower(target.substr(0, 8));
        scheme.starts_with("http://") || scheme.starts_with("https://")) {
        target.remove_prefix(scheme.starts_with("http://") ? 7 : 8);
        authority = target.substr(0, target.find_first_of("/?"));
        target.remove_prefix(authority.size());
        if (!all(authority, is_host)) {
            return refuse("the target's authority is not a host");
        }
    } else if (!target.starts_with('/') && !(target == "*" && request.method == "OPTIONS")) {
        return refuse("the target is no path");
    }
    auto const question = std::min(target.find('?'), target.size());
    auto const path = percent_decoded(target.substr(0, question));
    auto const is_control = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    };
    if (!path || std::ranges::any_of(*path, is_control) ||
        target.find('#') != std::string_view::npos) {
        return refuse("the target's path is not well encoded");
    }
    request.path = path->empty() ? "/" : *path;
    request.query = target.substr(std::min(question + 1, target.size()));
    return authority;
}

HttpResult<> check_host(HttpRequest const& request, std::string_view authority, int minor) {
    CAPSTAN_TRY(auto const host, only(request, "host"));
    if (!host) {
        return minor == 0 ? HttpResult<>(boost::outcome_v2::success()) : refuse("Host is missing");
    }
    if (!host->empty() && !all(*host, is_host)) {
        return refuse("Host is not a host");
    }
    if (!authority.empty() && lower(authority) != lower(*host)) {
        return refuse("Host is not the target's authority");
    }
    return boost::outcome_v2::success();
}

HttpResult<> read_content_length(HttpHead& head, std::string_view text, HttpLimits const& limits) {
    constexpr std::size_t kDigitsMax = 18;  // fits 64 bits
    if (!all(text, is_digit) || text.size() > kDigitsMax) {
        return refuse("Content-Length is not a number");
    }
    std::from_chars(text.data(), text.data() + text.size(), head.content_length);
    if (head.content_length > limits.body_bytes_max) {
        return refuse("the body is larger than " + std::to_string(limits.body_bytes_max), 413);
    }
    return boost::outcome_v2::success();
}

HttpResult<> read_framing(HttpHead& head, int minor, HttpLimits const& limits) {
    CAPSTAN_TRY(auto const length, only(head.request, "content-length"));
    CAPSTAN_TRY(auto const coding, only(head.request, "transfer-encoding"));
    if (length && coding) {
        return refuse("both Content-Length and Transfer-Encoding");
    }
    if (length) {
        return read_content_length(head, *length, limits);
    }
    if (coding && (minor == 0 || lower(*coding) != "chunked")) {
        return refuse("Transfer-Encoding other than exactly chunked, or in HTTP/1.0");
    }
    head.chunked = coding.has_value();
    return boost::outcome_v2::success();
}

HttpResult<> read_connection(HttpHead& head, int minor) {
    auto& request = head.request;
    bool close = minor == 0;
    bool upgrade = false;
    for (auto const& field : request.fields) {
        if (field.name == "connection") {
            close = (close && !has_list_word(field.value, "keep-alive")) ||
                    has_list_word(field.value, "close");
            upgrade = upgrade || has_list_word(field.value, "upgrade");
        }
    }
    request.keep_alive = !close;
    head.is_upgrade = upgrade && request.field("upgrade").has_value() && minor == 1;
    if (head.is_upgrade && (head.chunked || head.content_length != 0)) {
        return refuse("an upgrade has no body");
    }
    CAPSTAN_TRY(auto const expect, only(request, "expect"));
    if (expect && lower(*expect) != "100-continue") {
        return refuse("only 100-continue can be expected", 417);
    }
    head.expects_continue = expect && minor == 1 && (head.chunked || head.content_length != 0);
    return boost::outcome_v2::success();
}

}  // namespace

HttpResult<HttpHead> read_http_head(std::string_view text, HttpLimits const& limits) {
    HttpHead head;
    CAPSTAN_TRY(auto const line, take_line(text));
    CAPSTAN_TRY(auto const request_line, read_request_line(line));
    head.request.method = request_line.method;
    CAPSTAN_TRY(auto const authority, read_target(head.request, request_line.target));
    CAPSTAN_TRY(head.request.fields, read_fields(text, limits));
    CAPSTAN_TRY(check_host(head.request, authority, request_line.minor));
    CAPSTAN_TRY(read_framing(head, request_line.minor, limits));
    CAPSTAN_TRY(read_connection(head, request_line.minor));
    return head;
}

HttpResult<> check_http_trailer(std::string_view text, HttpLimits const& limits) {
    static constexpr std::array<std::string_view, 10> kForbidden = {"authorization",
                                                                    "connection",
                                                                    "content-encoding",
                                                                    "content-length",
                                                                    "cookie",
                                                                    "expect",
                                                                    "host",
                                                                    "te",
                                                                    "trailer",
                                                                    "transfer-encoding"};
    CAPSTAN_TRY(auto const fields, read_fields(text, limits));
    for (auto const& field : fields) {
        if (std::ranges::find(kForbidden, field.name) != kForbidden.end()) {
            return refuse(field.name + " stands in the trailer");
        }
    }
    return boost::outcome_v2::success();
}

}  // namespace capstan
