#pragma once
#include <capstan/schema/error.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capstan {

/// A request that passed the guard, with its whole body.
struct HttpRequest {
    std::string method;
    std::string path;   // without the query, still percent-encoded
    std::string query;  // behind the `?`
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;

    /// The field's value, its name in any case; empty if there is none.
    std::string_view field(std::string_view name) const;
};

struct HttpResponse {
    unsigned status = 200;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string content_type = "application/json";
    std::string body;
};

/// RFC 9457 problem details with the catalogued code.
HttpResponse problem(unsigned status, Error const& error);

/// Answers requests. Threading: the strand. `respond` is called once, at any later time; the
/// request is gone by then.
class HttpHandler {
  public:
    using Respond = std::function<void(HttpResponse)>;
    virtual ~HttpHandler() = default;
    virtual void handle(HttpRequest const& request, Respond respond) = 0;
};

}  // namespace capstan
