#include "snapshots.hpp"

#include <utility>

namespace capstan {
namespace {

SnapshotOptions snapshot_options(ServerConfig::Snapshot const& config) {
    SnapshotOptions options;
    options.policy.events = config.events;
    options.policy.bytes = config.bytes;
    options.policy.events_min = config.events_min;
    options.policy.age = std::chrono::milliseconds(config.age_ms);
    options.cache_bytes = config.cache_bytes;
    options.check_every = config.check_every;
    options.share_percent = static_cast<unsigned>(config.share_percent);
    return options;
}

}  // namespace

Snapshots::Snapshots(ServerConfig::Snapshot const& config,
                     std::unique_ptr<PosixStorage> directory,
                     Clock& clock,
                     Executor& strand,
                     Log& log)
    : directory_(std::move(directory)),
      builder_(std::make_unique<AsioThread>("snapshots")),
      reader_(std::make_unique<AsioThread>("chunks")) {
    auto const trouble = [&log](std::string_view stream, Error const& why) {
        log.warn(
            "snapshot_failed",
            why.detail,
            {{"stream", stream}, {"code", std::uint64_t{static_cast<std::uint16_t>(why.code)}}});
    };
    keeper_ = SnapshotKeeper::make(
        snapshot_options(config), {*directory_, clock, strand, *builder_, *reader_}, trouble);
}

void Snapshots::refresh(Metrics& metrics) const {
    auto const& counters = keeper_->counters();
    auto const advance = [&metrics](Metric metric, auto value, std::string_view label = {}) {
        metrics.advance_to(metric, static_cast<double>(value), label);
    };
    metrics.set(Metric::snapshot_streams, static_cast<double>(keeper_->streams()));
    advance(Metric::snapshot_builds_total, counters.builds);
    advance(Metric::snapshot_builds_failed_total, counters.builds_failed);
    advance(Metric::snapshot_build_seconds_total, counters.build_seconds);
    advance(Metric::snapshot_events_total, counters.events);
    advance(Metric::snapshot_chunks_total, counters.chunks_written, "written");
    advance(Metric::snapshot_chunks_total, counters.chunks_kept, "kept");
    advance(Metric::snapshot_written_bytes_total, counters.bytes_written);
    advance(Metric::snapshot_reads_total, counters.reads, "disk");
    advance(Metric::snapshot_reads_total, counters.cache_hits, "memory");
    advance(Metric::snapshot_checks_total, counters.checks);
    advance(Metric::snapshot_damaged_total, counters.damages);
}

void Snapshots::stop() {
    keeper_->stop();
    builder_.reset();
    reader_.reset();
}

}  // namespace capstan
