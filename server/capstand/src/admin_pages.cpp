#include "admin_pages.hpp"

#include <fmt/core.h>

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

/// Why a server that serves does not serve well; empty: it does.
std::string AdminPages::trouble(Instant now) const {
    constexpr Duration kSilentMax = std::chrono::seconds(3);
    if (!readiness_.ready || !told_) {
        return {};
    }
    if (now - *told_ > kSilentMax) {
        return fmt::format("it has been busy with one thing for {} s, waiting for the disk perhaps",
                           std::chrono::duration_cast<std::chrono::seconds>(now - *told_).count());
    }
    return trouble_;
}

HttpResponse AdminPages::ready_page() {
    std::lock_guard const lock(mutex_);
    auto const why = trouble(clock_.now());
    auto const& reason = why.empty() ? readiness_.reason : why;
    nlohmann::ordered_json body{{"ready", readiness_.ready},
                                {"phase", why.empty() ? readiness_.phase : "degraded"}};
    if (!reason.empty()) {
        body["reason"] = reason;
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
    told_.reset();
}

void AdminPages::tell_trouble(std::string trouble, Instant now) {
    std::lock_guard const lock(mutex_);
    trouble_ = std::move(trouble);
    told_ = now;
}

void AdminPages::set_refresh(Refresh refresh) {
    std::lock_guard const lock(mutex_);
    refresh_ = std::move(refresh);
}

}  // namespace capstan
