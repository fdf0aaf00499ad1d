// `capstan bench read`: some readers catch up from the first event to the head.
#include <chrono>

#include "bench_commands.hpp"
#include "bench_followers.hpp"

namespace capstan::cli {
namespace {

/// How a stream that is too short is filled: runs that a backend would publish.
constexpr std::uint32_t kFillBatch = 64;
constexpr std::uint32_t kFillInFlight = 64;

/// The stream, with at least as many events as are to be read.
Result<StreamSummary> filled_stream(Context& context, Remote const& remote, Bench const& command) {
    CAPSTAN_TRY(auto const found, remote.find(command.stream));
    auto const there = found ? found->head.value : 0;
    if (there < command.events) {
        SystemRandom random;
        CAPSTAN_TRY(auto const events, BenchEvents::make(random.next(), command.event_bytes));
        PublishPlan const plan{.streams = {command.stream},
                               .events = command.events - there,
                               .in_flight = kFillInFlight,
                               .batch = kFillBatch};
        CAPSTAN_TRY(auto const load, BenchPublisher::connect(remote, plan, events));
        CAPSTAN_TRY(run_load(context, remote, *load));
    }
    return remote.stat(command.stream);
}

}  // namespace

Result<> bench_read(Context& context, Remote const& remote, Bench const& command) {
    CAPSTAN_TRY(auto const events, BenchEvents::make(0, command.event_bytes));
    CAPSTAN_TRY(auto const stream, filled_stream(context, remote, command));
    BenchFollowers readers;
    WhileInterruptible const interruptible(context, [&readers] { readers.interrupt(); });
    auto const start = std::chrono::steady_clock::now();
    CAPSTAN_TRY(readers.start(remote, command.stream, command.connections, Seq{1}));
    CAPSTAN_TRY(readers.wait(remote, stream.head));
    std::chrono::duration<double> const seconds = std::chrono::steady_clock::now() - start;
    auto const mean_bytes = readers.event_bytes() / readers.delivered();
    CAPSTAN_TRY(auto const bare,
                BareLoop({.directory = command.directory,
                          .event_bytes = mean_bytes,
                          .events = readers.delivered()})
                    .read_rate());
    auto const wanted = stream.head.value * command.connections;
    BenchIntegrity const integrity{
        .checked = readers.delivered() - readers.out_of_order(),
        .lost = wanted > readers.delivered() ? wanted - readers.delivered() : 0,
        .moved = readers.out_of_order()};
    auto const bytes = static_cast<double>(readers.event_bytes());
    BenchReport(context, "read", command, events.event_bytes())
        .add("connections", std::uint64_t{command.connections})
        .add("events", stream.head.value)
        .add("mean_event_bytes", mean_bytes)
        .add("seconds", seconds.count())
        .add_rate(
            "events_per_second", static_cast<double>(readers.delivered()) / seconds.count(), bare)
        .add("megabytes_per_second", bytes / seconds.count() / 1e6)
        .add(integrity)
        .show();
    return success();
}

}  // namespace capstan::cli
