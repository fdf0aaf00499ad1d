#pragma once
#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/policy/terminate.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

struct HttpField {
    std::string name;  // lower case
    std::string value;
    friend bool operator==(HttpField const&, HttpField const&) = default;
};

/// One whole request, checked. Nothing in it is ambiguous: one Host, one framing, no empty names.
struct HttpRequest {
    std::string method;
    std::string path;   // decoded once; no controls
    std::string query;  // as it came, without the ?
    std::vector<HttpField> fields;
    std::string body;
    bool keep_alive = true;

    /// The value of a field, or nothing. `name` in lower case.
    std::optional<std::string_view> field(std::string_view name) const;
    /// A query parameter, decoded, or nothing; of several the first.
    std::optional<std::string> parameter(std::string_view name) const;
};

struct HttpResponse {
    int status = 200;
    std::vector<HttpField> fields;  // Content-Length, Connection and Date are not for the caller
    std::string body;
};

/// Status line and fields up to the empty line. `chunked`: the body comes in chunks of no announced
/// length.
struct HttpFraming {
    bool keep_alive = true;
    bool chunked = false;
    bool head_only = false;  // the request was HEAD
};
std::string encode_response(HttpResponse const& response, HttpFraming framing);
std::string encode_chunk(std::string_view bytes);  // not empty
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

std::string_view http_reason(int status);

/// Why a request is not read any further. The connection closes after the answer.
struct HttpRefusal {
    int status = 400;
    std::string detail;
};
template <class T = void>
using HttpResult =
    boost::outcome_v2::basic_result<T, HttpRefusal, boost::outcome_v2::policy::terminate>;

struct HttpLimits {
    std::size_t header_bytes_max = 16'384;
    std::size_t header_fields_max = 100;
    std::size_t body_bytes_max = 1'048'576;
};

/// %XX to bytes. Nothing for a bad escape.
std::optional<std::string> percent_decoded(std::string_view text);
/// Everything but letters, digits and `-._~/:@` becomes %XX.
std::string percent_encoded(std::string_view text);

/// True if the comma-separated list holds the word, in any case.
bool has_list_word(std::string_view list, std::string_view word);

}  // namespace capstan
