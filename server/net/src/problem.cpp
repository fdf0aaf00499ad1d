#include <algorithm>
#include <capstan/server/net/http_service.hpp>
#include <nlohmann/json.hpp>

namespace capstan {

HttpResponse problem_response(int status, Error const& error, std::uint64_t retry_after_ms) {
    auto const& entry = describe(error.code);
    nlohmann::ordered_json body = {
        {"type", "urn:capstan:error:" + std::string(entry.name)},
        {"title", entry.meaning},
        {"status", status},
        {"code", static_cast<unsigned>(error.code)},
        {"name", entry.name},
        {"class", to_string(entry.reaction)},
        {"detail", error.detail},
        {"next", entry.next},
    };
    HttpResponse response;
    response.status = status;
    response.fields = {{"Content-Type", "application/problem+json"}, {"Cache-Control", "no-store"}};
    if (retry_after_ms != 0) {
        body["retry_after_ms"] = retry_after_ms;
        auto const seconds = (retry_after_ms + 999) / 1'000;
        response.fields.push_back({"Retry-After", std::to_string(seconds)});
    }
    if (status == 401) {
        response.fields.push_back({"WWW-Authenticate", "Bearer"});
    }
    response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    return response;
}

}  // namespace capstan
