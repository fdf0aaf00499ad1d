#include "admin_pages.hpp"

#include <nlohmann/json.hpp>

namespace capstan {

void AdminPages::handle(HttpRequest const& request, Respond respond) {
    if (request.method != "GET" && request.method != "HEAD") {
        respond(problem(405, {Errc::request_invalid, "only GET and HEAD are answered here"}));
    } else if (request.path == "/livez") {
        respond({.content_type = "text/plain", .body = "ok\n"});
    } else if (request.path == "/readyz") {
        respond(ready_page());
    } else if (request.path == "/metrics") {
        show_metrics(respond);
    } else {
        respond(problem(404, {Errc::not_found, request.path}));
    }
}

HttpResponse AdminPages::ready_page() {
    std::lock_guard const lock(mutex_);
    nlohmann::ordered_json body{{"ready", readiness_.ready}, {"phase", readiness_.phase}};
    if (!readiness_.reason.empty()) {
        body["reason"] = readiness_.reason;
    }
    return {.status = readiness_.ready ? 200u : 503u, .body = body.dump() + "\n"};
}

void AdminPages::show_metrics(Respond const& respond) {
    auto const show = [this, respond] {
        respond({.content_type = "text/plain; version=0.0.4", .body = metrics_.text()});
    };
    std::unique_lock lock(mutex_);
    auto const refresh = refresh_;
    lock.unlock();
    refresh ? refresh(show) : show();
}

void AdminPages::set_readiness(Readiness readiness) {
    std::lock_guard const lock(mutex_);
    readiness_ = std::move(readiness);
}

void AdminPages::set_refresh(Refresh refresh) {
    std::lock_guard const lock(mutex_);
    refresh_ = std::move(refresh);
}

}  // namespace capstan
