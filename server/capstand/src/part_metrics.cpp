#include "part_metrics.hpp"

#include "process.hpp"

namespace capstan {

void show_process(Metrics& metrics) {
    auto const process = process_usage();
    metrics.set(Metric::build_info, 1, CAPSTAN_VERSION);
    metrics.set(Metric::process_resident_bytes, static_cast<double>(process.resident_bytes));
    metrics.set(Metric::process_open_descriptors, static_cast<double>(process.open_descriptors));
}

void show_journal(PartitionMarks const& marks, Metrics& metrics) {
    auto const show = [&metrics](Position position, std::string_view mark) {
        metrics.set(Metric::journal_position, static_cast<double>(position.value), mark);
    };
    show(marks.appended, "appended");
    show(marks.durable, "durable");
    show(marks.folded, "folded");
    show(marks.checkpointed, "checkpointed");
    metrics.set(Metric::journal_queued_bytes, static_cast<double>(marks.queued_bytes));
}

namespace {

/// Brings counters up to what is counted elsewhere.
class Totals {
  public:
    explicit Totals(Metrics& metrics) : metrics_(metrics) {}
    void show(Metric metric, std::uint64_t total, std::string_view label = {}) {
        metrics_.advance_to(metric, static_cast<double>(total), label);
    }

  private:
    Metrics& metrics_;
};

}  // namespace

void show_connections(ListenerCounters const& counters, Metrics& metrics) {
    metrics.set(Metric::connections, static_cast<double>(counters.open), "public");
    Totals totals(metrics);
    totals.show(Metric::connections_accepted_total, counters.accepted);
    totals.show(Metric::websockets_total, counters.websockets);
    totals.show(Metric::http_requests_total, counters.http_requests);
    totals.show(Metric::refused_total, counters.refused_heads, "head");
    totals.show(Metric::refused_total, counters.refused_frames, "frame");
    totals.show(Metric::refused_total, counters.timed_out, "timeout");
    totals.show(Metric::refused_total, counters.refused_handshakes, "handshake");
}

void show_sessions(SessionCounters const& counters, Metrics& metrics) {
    Totals totals(metrics);
    totals.show(Metric::runs_submitted_total, counters.runs_submitted);
    totals.show(Metric::runs_turned_away_total, counters.runs_turned_away);
    for (auto const outcome : fb::EnumValuesOutcome()) {
        totals.show(Metric::verdicts_total,
                    counters.runs_by_outcome[static_cast<std::size_t>(outcome)],
                    fb::EnumNameOutcome(outcome));
    }
    totals.show(Metric::deliveries_live_total, counters.live_deliveries);
    totals.show(Metric::deliveries_encoded_total, counters.live_encoded);
    totals.show(Metric::readers_demoted_total, counters.demotions);
    totals.show(Metric::readers_promoted_total, counters.promotions);
    totals.show(Metric::pages_read_total, counters.pages_read);
    totals.show(Metric::pages_shared_total, counters.pages_shared);
    totals.show(Metric::sessions_replaced_total, counters.sessions_replaced);
    totals.show(Metric::sessions_stalled_total, counters.sessions_stalled);
    for (auto const verdict : fb::EnumValuesVerdict()) {
        totals.show(Metric::catch_ups_total,
                    counters.verdicts[static_cast<std::size_t>(verdict)],
                    fb::EnumNameVerdict(verdict));
    }
    totals.show(Metric::snapshot_sent_bytes_total, counters.chunk_bytes);
}

void show_log(Log const& log, Metrics& metrics) {
    Totals totals(metrics);
    totals.show(Metric::log_lines_dropped_total, log.dropped());
    totals.show(Metric::log_lines_suppressed_total, log.suppressed());
}

}  // namespace capstan
