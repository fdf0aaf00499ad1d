#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/server/metrics/metrics.hpp>
#include <capstan/server/net/http.hpp>
#include <functional>
#include <string>

namespace capstan {

/// Whether the server takes publishes and serves readers; if not, why.
struct Readiness {
    bool ready = false;
    std::string phase;   // catching_up, serving, draining, stopped
    std::string reason;  // empty while ready
};

/// The admin port: `/livez` says that the process runs and nothing more, `/readyz` whether it is of
/// use, `/metrics` what it counts.
class AdminPages final : public HttpHandler {
  public:
    AdminPages(Metrics const& metrics,
               std::function<Readiness()> readiness,
               std::function<void()> refresh)
        : metrics_(metrics), readiness_(std::move(readiness)), refresh_(std::move(refresh)) {}
    void handle(HttpRequest const& request, Respond respond) override;

  private:
    HttpResponse answer(HttpRequest const& request);

    Metrics const& metrics_;
    std::function<Readiness()> readiness_;
    std::function<void()> refresh_;  // brings gauges up to date
};

}  // namespace capstan
