#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bench_publisher.hpp"
#include "bench_report.hpp"
#include "remote.hpp"

/// The loads of `capstan bench`. Each runs a bare loop, loads the server, checks what comes back
/// and shows its report.
namespace capstan::cli {

/// Calls back when the user asks to stop, as long as this exists.
class WhileInterruptible {
  public:
    WhileInterruptible(Context& context, std::function<void()> stop)
        : surroundings_(context.surroundings) {
        surroundings_.on_interrupt(std::move(stop));
    }
    ~WhileInterruptible() { surroundings_.on_interrupt({}); }
    WhileInterruptible(WhileInterruptible const&) = delete;
    WhileInterruptible& operator=(WhileInterruptible const&) = delete;

  private:
    Surroundings& surroundings_;
};

Result<> bench_append(Context& context, Remote const& remote, Bench const& command);
Result<> bench_read(Context& context, Remote const& remote, Bench const& command);
Result<> bench_fanout(Context& context, Remote const& remote, Bench const& command);
Result<> bench_coldstart(Context& context, Remote const& remote, Bench const& command);

/// The streams of a load: the one that is named, or so many below it.
std::vector<std::string> bench_streams(Bench const& command);

/// `load.run`, until the user asks to stop.
Result<> run_load(Context& context, Remote const& remote, BenchPublisher& load);

/// Reads back what a load has published, as another device. Precondition: the load has run.
Result<BenchIntegrity> check_load(Remote const& remote,
                                  BenchPublisher const& load,
                                  BenchEvents const& events);

}  // namespace capstan::cli
