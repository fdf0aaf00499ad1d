#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace capstan {

enum class Metric : std::uint8_t {
#define CAPSTAN_METRIC(id, type, label, help) id,
#include <capstan/server/metrics/metrics.def>
#undef CAPSTAN_METRIC
};

enum class MetricType : std::uint8_t { counter, gauge, histogram };

/// One row of the catalogue. Dashboards and alert rules are checked against it.
struct MetricEntry {
    std::string_view name;
    MetricType type;
    std::string_view label;  // empty: one series
    std::string_view help;
};
std::span<MetricEntry const> metric_catalogue();

/// The series of a process. A metric without a label has its series from the start; with one, a
/// series appears with its first value. Threading: any thread.
class Metrics {
  public:
    Metrics();
    ~Metrics();

    /// Counters. `advance_to` is for what is counted elsewhere: it never goes back.
    void add(Metric metric, double amount = 1, std::string_view label = {});
    void advance_to(Metric metric, double total, std::string_view label = {});
    /// Gauges.
    void set(Metric metric, double value, std::string_view label = {});
    /// Histograms, in seconds: 50 µs to 10 s.
    void observe(Metric metric, double seconds);

    /// The text exposition format of Prometheus, version 0.0.4.
    std::string text() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace capstan
