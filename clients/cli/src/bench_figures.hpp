#pragma once
#include <array>
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/schema/error.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

namespace capstan::cli {

/// Latencies by size: 64 steps for each doubling, so a percentile is at most 1.6 % too high.
class Latencies {
  public:
    void add(Duration latency);
    /// Of `share` (0 to 1) of them the latency was at most so much; 0 where there are none.
    Duration percentile(double share) const;
    std::uint64_t count() const { return count_; }

  private:
    static constexpr int kStepBits = 6;
    static std::size_t step_of(std::uint64_t nanos);
    static std::uint64_t last_of(std::size_t step);

    std::array<std::uint64_t, (64 - kStepBits + 1) << kStepBits> counts_{};
    std::uint64_t count_ = 0;
};

/// What the machine does without an event store: the same bytes, written and flushed in a loop,
/// or read back.
struct BareLoop {
    std::string directory;        // on the disk that is to be compared with
    std::size_t event_bytes = 0;  // of one event
    std::uint64_t batch = 1;      // events of one write and flush
    std::uint64_t events = 0;     // at least; and for at least a tenth of a second

    /// Events per second into a file that is written already, as journals write.
    /// Errors: of `File`.
    Result<double> write_rate() const;
    /// Events per second out of a file just written, a megabyte at a time.
    Result<double> read_rate() const;
};

}  // namespace capstan::cli
