#pragma once
#include <capstan/schema/error.hpp>
#include <functional>
#include <memory>
#include <optional>
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

/// A body that is made as the peer takes it. It ends when it says so, or when the connection drops
/// it: the peer is gone. Threading: the strand.
class HttpFlow {
  public:
    virtual ~HttpFlow() = default;
    /// Called once, before `next`. `wake` may be called at any time but from `next`, until the flow
    /// is destroyed.
    virtual void start(std::function<void()> wake) = 0;
    /// The next piece. Empty: nothing yet, `wake` tells when to ask again. Nothing: the end.
    /// Called when everything before is on its way, so a slow peer holds one piece and no more.
    virtual std::optional<std::string> next() = 0;
};

struct HttpResponse {
    unsigned status = 200;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string content_type = "application/json";
    std::string body;
    std::shared_ptr<HttpFlow> flow{};  // in place of `body`
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
