#include <boost/test/unit_test.hpp>
#include <capstan/server/metrics/metrics.hpp>
#include <sstream>

namespace {

using namespace capstan;

bool has_line(std::string const& text, std::string const& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(metrics)

BOOST_AUTO_TEST_CASE(names_follow_the_conventions) {
    std::set<std::string_view> names;
    for (auto const& entry : metric_catalogue()) {
        BOOST_TEST_CONTEXT(entry.name) {
            BOOST_TEST(names.insert(entry.name).second);
            BOOST_TEST(entry.name.ends_with("_total") == (entry.type == MetricType::counter));
            BOOST_TEST((entry.type != MetricType::histogram || entry.name.ends_with("_seconds")));
            BOOST_TEST(!entry.help.empty());
            BOOST_TEST((entry.label != "stream" && entry.label != "device"));
        }
    }
}

BOOST_AUTO_TEST_CASE(every_metric_is_on_the_page_from_the_start) {
    auto const text = Metrics().text();
    for (auto const& entry : metric_catalogue()) {
        auto const type = "# TYPE " + std::string(entry.name) + " ";
        BOOST_TEST(text.find(type) != std::string::npos, entry.name);
    }
    BOOST_TEST(has_line(text, "capstan_sessions 0"));
}

BOOST_AUTO_TEST_CASE(series_show_what_was_counted) {
    Metrics metrics;
    metrics.add(Metric::verdicts_total, 2, "accepted");
    metrics.add(Metric::verdicts_total, 1, "odd \"label\"\\\n");
    metrics.advance_to(Metric::runs_submitted_total, 5);
    metrics.advance_to(Metric::runs_submitted_total, 4);  // a counter never goes back
    metrics.set(Metric::journal_position, 12'345'678'901, "durable");
    metrics.set(Metric::ready, 0.5);
    auto const text = metrics.text();
    BOOST_TEST(has_line(text, "capstan_verdicts_total{outcome=\"accepted\"} 2"));
    BOOST_TEST(has_line(text, "capstan_verdicts_total{outcome=\"odd \\\"label\\\"\\\\\\n\"} 1"));
    BOOST_TEST(has_line(text, "capstan_runs_submitted_total 5"));
    BOOST_TEST(has_line(text, "capstan_journal_position{mark=\"durable\"} 12345678901"));
    BOOST_TEST(has_line(text, "capstan_ready 0.5"));
}

BOOST_AUTO_TEST_CASE(histogram_shows_cumulative_buckets_sum_and_count) {
    Metrics metrics;
    metrics.observe(Metric::flush_seconds, 0.0015);
    metrics.observe(Metric::flush_seconds, 0.0015);
    metrics.observe(Metric::flush_seconds, 60);
    auto const text = metrics.text();
    BOOST_TEST(has_line(text, "capstan_flush_seconds_bucket{le=\"0.001\"} 0"));
    BOOST_TEST(has_line(text, "capstan_flush_seconds_bucket{le=\"0.002\"} 2"));
    BOOST_TEST(has_line(text, "capstan_flush_seconds_bucket{le=\"10\"} 2"));
    BOOST_TEST(has_line(text, "capstan_flush_seconds_bucket{le=\"+Inf\"} 3"));
    BOOST_TEST(has_line(text, "capstan_flush_seconds_count 3"));
    BOOST_TEST(text.find("capstan_flush_seconds_sum 60.003") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
