#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "bench_figures.hpp"
#include "commands.hpp"

namespace capstan::cli {

/// What reading a load back found. Everything but `checked` is 0 in a sound server.
struct BenchIntegrity {
    std::uint64_t checked = 0;  // events that came, once, unharmed and where they were acked
    std::uint64_t lost = 0;
    std::uint64_t doubled = 0;
    std::uint64_t moved = 0;    // at another place than was acked, or out of order
    std::uint64_t damaged = 0;  // not the bytes that were published

    bool ok() const { return lost + doubled + moved + damaged == 0; }
};

/// Gathers a load's report and shows it: one row, or one JSON object.
class BenchReport {
  public:
    /// Begins with what every load states: sizes, versions, durability.
    BenchReport(Context& context, std::string load, Bench const& command, std::size_t event_bytes);

    BenchReport& add(std::string key, Cell cell);
    /// A rate beside the same work by a bare loop in the same run: `KEY`, `bare_KEY` and `ratio`.
    BenchReport& add_rate(std::string const& key, double rate, double bare);
    BenchReport& add(Latencies const& latencies);
    BenchReport& add(BenchIntegrity const& integrity);
    /// The exit code tells of damage, too.
    void show();

  private:
    Context& context_;
    std::vector<Column> columns_;
    std::vector<Cell> cells_;
    bool sound_ = true;
};

}  // namespace capstan::cli
