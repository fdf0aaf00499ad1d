#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <capstan/schema/error.hpp>
#include <capstan/server/metrics/metrics.hpp>
#include <charconv>
#include <cmath>
#include <variant>
#include <vector>

namespace capstan {
namespace {

constexpr MetricEntry kCatalogue[] = {
#define CAPSTAN_METRIC(id, type, label, help) {"capstan_" #id, MetricType::type, label, help},
#include <capstan/server/metrics/metrics.def>
#undef CAPSTAN_METRIC
};

prometheus::Histogram::BucketBoundaries const kSecondsBuckets = {
    5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1, 2, 5, 10};

using Families = std::variant<prometheus::Family<prometheus::Counter>*,
                              prometheus::Family<prometheus::Gauge>*,
                              prometheus::Histogram*>;

template <class Builder>
auto& register_family(Builder builder, MetricEntry const& entry, prometheus::Registry& registry) {
    return builder.Name(std::string(entry.name)).Help(std::string(entry.help)).Register(registry);
}

Families make(MetricEntry const& entry, prometheus::Registry& registry) {
    switch (entry.type) {
        case MetricType::counter: {
            auto& family = register_family(prometheus::BuildCounter(), entry, registry);
            if (entry.label.empty()) {
                family.Add({});
            }
            return &family;
        }
        case MetricType::gauge: {
            auto& family = register_family(prometheus::BuildGauge(), entry, registry);
            if (entry.label.empty()) {
                family.Add({});
            }
            return &family;
        }
        case MetricType::histogram:
            break;
    }
    return &register_family(prometheus::BuildHistogram(), entry, registry).Add({}, kSecondsBuckets);
}

// ---- exposition

void append_number(std::string& out, double value) {
    if (std::isinf(value)) {
        out += value > 0 ? "+Inf" : "-Inf";
        return;
    }
    char text[32];
    auto const end = std::to_chars(text, text + sizeof text, value).ptr;
    out.append(text, end);
}

void append_escaped(std::string& out, std::string_view text) {
    for (char const c : text) {
        if (c == '\n') {
            out += "\\n";
        } else {
            out += (c == '\\' || c == '"') ? std::string("\\") + c : std::string(1, c);
        }
    }
}

/// `name_suffix{label="value",extra="value"} number`
void append_sample(std::string& out,
                   std::string_view name,
                   std::string_view suffix,
                   prometheus::ClientMetric const& metric,
                   std::string_view bucket,
                   double value) {
    out.append(name).append(suffix);
    std::string_view separator = "{";
    for (auto const& label : metric.label) {
        out.append(separator).append(label.name).append("=\"");
        append_escaped(out, label.value);
        out += '"';
        separator = ",";
    }
    if (!bucket.empty()) {
        out.append(separator).append("le=\"").append(bucket).append("\"");
        separator = ",";
    }
    out.append(separator == "," ? "} " : " ");
    append_number(out, value);
    out += '\n';
}

void append_histogram(std::string& out,
                      std::string_view name,
                      prometheus::ClientMetric const& metric) {
    for (auto const& bucket : metric.histogram.bucket) {
        std::string bound;
        append_number(bound, bucket.upper_bound);
        append_sample(
            out, name, "_bucket", metric, bound, static_cast<double>(bucket.cumulative_count));
    }
    append_sample(out, name, "_sum", metric, {}, metric.histogram.sample_sum);
    append_sample(
        out, name, "_count", metric, {}, static_cast<double>(metric.histogram.sample_count));
}

constexpr std::string_view kTypeNames[] = {"counter", "gauge", "histogram"};

void append_family(std::string& out,
                   MetricEntry const& entry,
                   std::vector<prometheus::ClientMetric> const& series) {
    out.append("# HELP ").append(entry.name).append(" ").append(entry.help).append("\n");
    out.append("# TYPE ").append(entry.name).append(" ");
    out.append(kTypeNames[static_cast<std::size_t>(entry.type)]).append("\n");
    for (auto const& metric : series) {
        switch (entry.type) {
            case MetricType::counter:
                append_sample(out, entry.name, "", metric, {}, metric.counter.value);
                break;
            case MetricType::gauge:
                append_sample(out, entry.name, "", metric, {}, metric.gauge.value);
                break;
            case MetricType::histogram:
                append_histogram(out, entry.name, metric);
                break;
        }
    }
}

}  // namespace

std::span<MetricEntry const> metric_catalogue() {
    return kCatalogue;
}

struct Metrics::State {
    State() {
        for (auto const& entry : kCatalogue) {
            families.push_back(make(entry, registry));
        }
    }

    template <class Kind>
    Kind& series(Metric metric, std::string_view label) const {
        auto const index = static_cast<std::size_t>(metric);
        auto* const* family = std::get_if<prometheus::Family<Kind>*>(&families[index]);
        CAPSTAN_INVARIANT(family != nullptr, kCatalogue[index].name);
        CAPSTAN_INVARIANT(label.empty() == kCatalogue[index].label.empty(), kCatalogue[index].name);
        if (label.empty()) {
            return (*family)->Add({});
        }
        return (*family)->Add({{std::string(kCatalogue[index].label), std::string(label)}});
    }

    prometheus::Registry registry;
    std::vector<Families> families;  // in the order of the catalogue
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

void Metrics::add(Metric metric, double amount, std::string_view label) {
    state_->series<prometheus::Counter>(metric, label).Increment(amount);
}

void Metrics::advance_to(Metric metric, double total, std::string_view label) {
    auto& counter = state_->series<prometheus::Counter>(metric, label);
    if (double const gained = total - counter.Value(); gained > 0) {
        counter.Increment(gained);
    }
}

void Metrics::set(Metric metric, double value, std::string_view label) {
    state_->series<prometheus::Gauge>(metric, label).Set(value);
}

void Metrics::observe(Metric metric, double seconds) {
    auto const index = static_cast<std::size_t>(metric);
    auto* const* histogram = std::get_if<prometheus::Histogram*>(&state_->families[index]);
    CAPSTAN_INVARIANT(histogram != nullptr, kCatalogue[index].name);
    (*histogram)->Observe(seconds);
}

std::string Metrics::text() const {
    std::string out;
    // The registry leaves out families without a series; the page shows the whole catalogue.
    auto const families = state_->registry.Collect();
    for (auto const& entry : kCatalogue) {
        auto const found = std::ranges::find(families, entry.name, &prometheus::MetricFamily::name);
        append_family(
            out,
            entry,
            found == families.end() ? std::vector<prometheus::ClientMetric>{} : found->metric);
    }
    return out;
}

}  // namespace capstan
