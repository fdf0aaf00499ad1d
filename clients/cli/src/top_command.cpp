#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>

#include "metrics_page.hpp"

/// `capstan top`: what a server does, a line a moment.
namespace capstan::cli {
namespace {

std::vector<Column> columns() {
    std::vector<Column> columns;
    for (auto const* key : {"sessions",
                            "connections",
                            "accepted_per_second",
                            "turned_away_per_second",
                            "flushes_per_second",
                            "flush_ms_p50",
                            "flush_ms_p99",
                            "delivered_per_second",
                            "read_pages_per_second",
                            "queued_bytes",
                            "written_bytes_per_second",
                            "to_fold_after_restart",
                            "resident_bytes",
                            "free_bytes"}) {
        columns.push_back({.key = key, .right = true});
    }
    return columns;
}

std::uint64_t whole(double value) {
    return static_cast<std::uint64_t>(std::llround(std::max(value, 0.0)));
}

double to_ms(double seconds) {
    return std::round(seconds * 1e5) / 100;
}

/// What happened between two pages.
std::vector<Cell> line_of(MetricsPage const& before, MetricsPage const& now, double seconds) {
    auto const rate = [&](std::string const& name, std::string const& label = {}) {
        return whole((now.value(name, label) - before.value(name, label)) / seconds);
    };
    auto const gauge = [&](std::string const& name, std::string const& label = {}) {
        return whole(now.value(name, label));
    };
    auto const position = [&](char const* mark) {
        return now.value("capstan_journal_position", mark);
    };
    return {gauge("capstan_sessions"),
            gauge("capstan_connections", "public"),
            rate("capstan_verdicts_total", "accepted"),
            rate("capstan_runs_turned_away_total"),
            rate("capstan_flush_seconds_count"),
            to_ms(now.quantile("capstan_flush_seconds", 0.5, before)),
            to_ms(now.quantile("capstan_flush_seconds", 0.99, before)),
            rate("capstan_deliveries_live_total"),
            rate("capstan_pages_read_total"),
            gauge("capstan_journal_queued_bytes"),
            rate("capstan_written_bytes_total"),
            whole(position("appended") - position("checkpointed")),
            gauge("capstan_process_resident_bytes"),
            gauge("capstan_data_free_bytes")};
}

/// Waits until it is time, or the user has seen enough.
class Beat {
  public:
    explicit Beat(Context& context) : context_(context) {
        context_.surroundings.on_interrupt([this] {
            std::lock_guard const lock(mutex_);
            over_ = true;
            changed_.notify_all();
        });
    }
    ~Beat() { context_.surroundings.on_interrupt({}); }
    Beat(Beat const&) = delete;
    Beat& operator=(Beat const&) = delete;

    /// False: enough.
    bool wait(Duration time) {
        std::unique_lock lock(mutex_);
        return !changed_.wait_for(lock, time, [this] { return over_; });
    }

  private:
    Context& context_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool over_ = false;
};

Result<MetricsPage> look(Context& context, Top const& command) {
    CAPSTAN_TRY(auto const text, admin_page(context, command.admin, "/metrics"));
    return MetricsPage::parse(text);
}

}  // namespace

Result<> execute(Context& context, Top const& command) {
    using Clock = std::chrono::steady_clock;
    CAPSTAN_TRY(auto before, look(context, command));
    auto then = Clock::now();
    Rows rows(context.output, columns());
    Beat beat(context);
    for (std::uint64_t n = 0; (!command.count || n < *command.count) && context.output.ok(); ++n) {
        if (!beat.wait(command.every)) {
            break;
        }
        CAPSTAN_TRY(auto page, look(context, command));
        auto const now = Clock::now();
        rows.add(line_of(before, page, std::chrono::duration<double>(now - then).count()));
        rows.flush();
        context.output.flush();
        before = std::move(page);
        then = now;
    }
    rows.end();
    return success();
}

}  // namespace capstan::cli
