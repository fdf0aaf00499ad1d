#include <algorithm>
#include <array>
#include <capstan/server/net/http_message.hpp>
#include <charconv>

namespace capstan {
namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_unreserved(char c) {
    bool const letter = lower(c) >= 'a' && lower(c) <= 'z';
    return letter || (c >= '0' && c <= '9') ||
           std::string_view("-._~/:@").find(c) != std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
    auto const first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::optional<std::string_view> HttpRequest::field(std::string_view name) const {
    auto const found = std::ranges::find(fields, name, &HttpField::name);
    return found == fields.end() ? std::nullopt : std::optional<std::string_view>(found->value);
}

std::optional<std::string> HttpRequest::parameter(std::string_view name) const {
    std::string_view rest = query;
    while (!rest.empty()) {
        auto const pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
        auto const equals = std::min(pair.find('='), pair.size());
        if (percent_decoded(pair.substr(0, equals)) == name) {
            return percent_decoded(pair.substr(std::min(equals + 1, pair.size())));
        }
    }
    return std::nullopt;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        unsigned value = 0;
        if (i + 2 >= text.size()) {
            return std::nullopt;
        }
        auto const* const digits = text.data() + i + 1;
        if (std::from_chars(digits, digits + 2, value, 16).ptr != digits + 2) {
            return std::nullopt;
        }
        out += static_cast<char>(value);
        i += 2;
    }
    return out;
}

std::string percent_encoded(std::string_view text) {
    constexpr char kHex[] = "0123456789ABCDEF";
    std::string out;
    for (char const c : text) {
        if (is_unreserved(c)) {
            out += c;
        } else {
            auto const byte = static_cast<unsigned char>(c);
            out += {'%', kHex[byte >> 4], kHex[byte & 15]};
        }
    }
    return out;
}

bool has_list_word(std::string_view list, std::string_view word) {
    while (!list.empty()) {
        auto const comma = std::min(list.find(','), list.size());
        if (std::ranges::equal(trimmed(list.substr(0, comma)), word, {}, lower, lower)) {
            return true;
        }
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return false;
}

std::string_view http_reason(int status) {
    struct Row {
        int status;
        std::string_view reason;
    };
    static constexpr Row kRows[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    auto const found = std::ranges::find(kRows, status, &Row::status);
    return found == std::end(kRows) ? "Status" : found->reason;
}

std::string encode_response(HttpResponse const& response, HttpFraming framing) {
    std::string out = "HTTP/1.1 " + std::to_string(response.status) + ' ';
    out.append(http_reason(response.status)).append("\r\n");
    for (auto const& field : response.fields) {
        out.append(field.name).append(": ").append(field.value).append("\r\n");
    }
    bool const bodiless = response.status == 204 || response.status == 304;
    if (framing.chunked) {
        out += "Transfer-Encoding: chunked\r\n";
    } else if (!bodiless && response.status != 101) {
        out += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
    }
    if (!framing.keep_alive) {
        out += "Connection: close\r\n";
    }
    out += "\r\n";
    if (!framing.chunked && !framing.head_only && !bodiless) {
        out += response.body;
    }
    return out;
}

std::string encode_chunk(std::string_view bytes) {
    std::array<char, 16> size;
    auto const end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16).ptr;
    std::string out(size.data(), end);
    return out.append("\r\n").append(bytes).append("\r\n");
}

}  // namespace capstan
