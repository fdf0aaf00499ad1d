#include "admin_pages.hpp"

#include <nlohmann/json.hpp>

namespace capstan {

void AdminPages::handle(HttpRequest const& request, Respond respond) {
    respond(answer(request));
}

HttpResponse AdminPages::answer(HttpRequest const& request) {
    if (request.method != "GET" && request.method != "HEAD") {
        return problem(405, {Errc::request_invalid, "only GET and HEAD are answered here"});
    }
    if (request.path == "/livez") {
        return {.content_type = "text/plain", .body = "ok\n"};
    }
    if (request.path == "/readyz") {
        auto const state = readiness_();
        nlohmann::ordered_json body{{"ready", state.ready}, {"phase", state.phase}};
        if (!state.reason.empty()) {
            body["reason"] = state.reason;
        }
        return {.status = state.ready ? 200u : 503u, .body = body.dump() + "\n"};
    }
    if (request.path == "/metrics") {
        refresh_();
        return {.content_type = "text/plain; version=0.0.4", .body = metrics_.text()};
    }
    return problem(404, {Errc::not_found, request.path});
}

}  // namespace capstan
