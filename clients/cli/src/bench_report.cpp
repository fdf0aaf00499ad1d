#include "bench_report.hpp"

#include <capstan/schema/wire.hpp>
#include <cmath>
#include <utility>

namespace capstan::cli {
namespace {

double micros(Duration duration) {
    return std::round(std::chrono::duration<double, std::micro>(duration).count() * 10) / 10;
}

}  // namespace

BenchReport::BenchReport(Context& context,
                         std::string load,
                         Bench const& command,
                         std::size_t event_bytes)
    : context_(context) {
    add("load", std::move(load));
    add("version", std::string(CAPSTAN_VERSION));
    add("protocol", std::uint64_t{kProtocolVersion});
    add("server", context.globals.server);
    add("durability", std::string("acked after the flush"));
    add("stream", command.stream);
    add("event_bytes", std::uint64_t{event_bytes});
}

BenchReport& BenchReport::add(std::string key, Cell cell) {
    columns_.push_back({.key = std::move(key)});
    cells_.push_back(std::move(cell));
    return *this;
}

BenchReport& BenchReport::add_rate(std::string const& key, double rate, double bare) {
    add(key, std::round(rate));
    add("bare_" + key, std::round(bare));
    return add("ratio", bare > 0 ? std::round(rate / bare * 1000) / 1000 : 0.0);
}

BenchReport& BenchReport::add(Latencies const& latencies) {
    add("p50_us", micros(latencies.percentile(0.5)));
    add("p99_us", micros(latencies.percentile(0.99)));
    return add("max_us", micros(latencies.percentile(1)));
}

BenchReport& BenchReport::add(BenchIntegrity const& integrity) {
    sound_ = integrity.ok();
    add("integrity", std::string(sound_ ? "ok" : "FAILED"));
    add("checked", integrity.checked);
    add("lost", integrity.lost);
    add("doubled", integrity.doubled);
    add("moved", integrity.moved);
    return add("damaged", integrity.damaged);
}

void BenchReport::show() {
    cli::show(context_.output, columns_, cells_);
    if (!sound_) {
        context_.output.note(
            "The server lost, doubled, moved or damaged events that it had acked.");
        context_.code = ExitCode::integrity;
    }
}

}  // namespace capstan::cli
