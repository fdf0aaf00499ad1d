#include "metrics_page.hpp"

#include <capstan/sdk.hpp>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

namespace capstan::cli {
namespace {

std::optional<double> number(std::string_view text) {
    if (text == "+Inf") {
        return std::numeric_limits<double>::infinity();
    }
    double value = 0;
    auto const* const end = text.data() + text.size();
    auto const [stopped, error] = std::from_chars(text.data(), end, value);
    return error == std::errc{} && stopped == end ? std::optional(value) : std::nullopt;
}

/// The value of the one label that a series of ours has; empty without one.
std::string_view label_in(std::string_view series) {
    auto const from = series.find('"');
    auto const end = series.rfind('"');
    return from == end ? std::string_view{} : series.substr(from + 1, end - from - 1);
}

}  // namespace

Result<MetricsPage> MetricsPage::parse(std::string_view text) {
    constexpr std::string_view kBucket = "_bucket";
    MetricsPage page;
    while (!text.empty()) {
        auto const line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.empty() || line.front() == '#') {
            continue;
        }
        auto const space = line.rfind(' ');
        auto const value =
            space == std::string_view::npos ? std::nullopt : number(line.substr(space + 1));
        if (!value) {
            return Error{Errc::malformed, "no line of metrics: " + std::string(line.substr(0, 80))};
        }
        auto const series = line.substr(0, space);
        auto const name = series.substr(0, series.find('{'));
        auto const label = label_in(series);
        if (name.ends_with(kBucket)) {
            auto const end = number(label).value_or(0);
            page.buckets_[std::string(name.substr(0, name.size() - kBucket.size()))].push_back(
                {end, *value});
        } else {
            page.values_[std::string(name) + (label.empty() ? "" : " " + std::string(label))] =
                *value;
        }
    }
    return page;
}

double MetricsPage::value(std::string const& name, std::string const& label) const {
    auto const at = values_.find(label.empty() ? name : name + " " + label);
    return at == values_.end() ? 0 : at->second;
}

double MetricsPage::quantile(std::string const& name,
                             double share,
                             MetricsPage const& before) const {
    auto const now = buckets_.find(name);
    auto const then = before.buckets_.find(name);
    if (now == buckets_.end() || then == before.buckets_.end() ||
        now->second.size() != then->second.size()) {
        return 0;
    }
    auto const count = [&](std::size_t i) { return now->second[i].count - then->second[i].count; };
    auto const all = count(now->second.size() - 1);
    for (std::size_t i = 0; all > 0 && i < now->second.size(); ++i) {
        if (count(i) >= share * all) {
            bool const is_last = i + 1 == now->second.size();
            return now->second[is_last && i > 0 ? i - 1 : i].end;
        }
    }
    return 0;
}

Result<std::string> admin_page(Context& context, std::string const& admin, std::string path) {
    HttpRequestOptions request;
    request.url = admin;
    request.path = std::move(path);
    request.timeout = context.globals.timeout;
    CAPSTAN_TRY(auto answer, http_request(request));
    return std::move(answer.body);
}

}  // namespace capstan::cli
