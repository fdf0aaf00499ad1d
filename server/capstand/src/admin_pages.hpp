#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/server/metrics/metrics.hpp>
#include <capstan/server/net/http.hpp>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

namespace capstan {

/// Whether the server takes publishes and serves readers; if not, why.
struct Readiness {
    bool ready = false;
    // starting, recovering, catching_up, serving, degraded, draining, stopped
    std::string phase = "starting";
    std::string reason;  // empty while ready
};

/// What the admin port answers: `/livez` says that the process runs and nothing more, `/readyz`
/// whether it is of use, `/metrics` what it counts. Threading: `handle` on the admin port's thread,
/// the others on any.
class AdminPages final : public HttpHandler {
  public:
    /// Brings gauges up to date, on whatever thread, and then calls `done`.
    using Refresh = std::function<void(std::function<void()> done)>;

    AdminPages(Metrics const& metrics, Clock const& clock) : metrics_(metrics), clock_(clock) {}
    void handle(HttpRequest const& request, Respond respond) override;

    void set_readiness(Readiness readiness);
    /// While it serves, about once a second: what is not as it should be; empty: nothing. The page
    /// says `degraded` then, and also when this is not called any more.
    void tell_trouble(std::string trouble, Instant now);
    /// An empty one: metrics are shown as they are.
    void set_refresh(Refresh refresh);

  private:
    HttpResponse ready_page();
    void show_metrics(Respond const& respond);

    std::string trouble(Instant now) const;

    Metrics const& metrics_;
    Clock const& clock_;
    std::mutex mutex_;  // of what is below
    Readiness readiness_;
    std::string trouble_;
    std::optional<Instant> told_;  // while serving
    Refresh refresh_;
};

}  // namespace capstan
