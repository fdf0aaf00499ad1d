// `capstan bench fanout`: one writer, many subscribers of one stream, each on its own connection.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "bench_commands.hpp"
#include "bench_followers.hpp"

namespace capstan::cli {
namespace {

/// Times events of a load as they reach subscribers. Threading: the runtime's.
class Arrivals {
  public:
    Arrivals(BenchEvents const& events, std::shared_ptr<BenchPublisher const> load)
        : events_(events), load_(std::move(load)) {}

    void take(DeliveredEvent const& event) {
        auto const number = events_.number_of(event.bytes);
        if (!number) {
            damaged_ += 1;
        } else if (number.value()) {
            latencies_.add(std::chrono::steady_clock::now() - load_->published_at(*number.value()));
        }
    }
    Latencies const& latencies() const { return latencies_; }
    std::uint64_t damaged() const { return damaged_; }

  private:
    BenchEvents const& events_;
    std::shared_ptr<BenchPublisher const> load_;
    Latencies latencies_;
    std::uint64_t damaged_ = 0;
};

/// The stream with one event more, which tells whether subscribers are there.
Result<StreamSummary> marked_stream(Remote const& remote, Bench const& command) {
    SystemRandom random;
    CAPSTAN_TRY(auto const events, BenchEvents::make(random.next(), command.event_bytes));
    CAPSTAN_TRY(
        auto const load,
        BenchPublisher::connect(remote, {.streams = {command.stream}, .events = 1}, events));
    CAPSTAN_TRY(load->run(remote));
    return remote.stat(command.stream);
}

}  // namespace

Result<> bench_fanout(Context& context, Remote const& remote, Bench const& command) {
    SystemRandom random;
    CAPSTAN_TRY(auto const events, BenchEvents::make(random.next(), command.event_bytes));
    PublishPlan const plan{.streams = {command.stream},
                           .events = command.events,
                           .in_flight = command.in_flight,
                           .batch = command.batch};
    BareLoop const loop{.directory = command.directory,
                        .event_bytes = events.event_bytes(),
                        .batch = std::min(std::uint64_t{plan.in_flight} * plan.batch, plan.events),
                        .events = plan.events};
    CAPSTAN_TRY(auto const bare, loop.write_rate());
    CAPSTAN_TRY(auto const stream, marked_stream(remote, command));
    CAPSTAN_TRY(auto const load, BenchPublisher::connect(remote, plan, events));
    Arrivals arrivals(events, load);
    BenchFollowers subscribers;
    WhileInterruptible const interruptible(context, [&subscribers, load = load] {
        load->interrupt();
        subscribers.interrupt();
    });
    CAPSTAN_TRY(subscribers.start(
        remote, command.stream, command.subscribers, stream.head, [&](DeliveredEvent const& event) {
            arrivals.take(event);
        }));
    CAPSTAN_TRY(subscribers.wait(remote, stream.head));
    auto const start = std::chrono::steady_clock::now();
    CAPSTAN_TRY(load->run(remote));
    CAPSTAN_TRY(subscribers.wait(remote, stream.head.plus(plan.events)));
    std::chrono::duration<double> const seconds = std::chrono::steady_clock::now() - start;
    auto const wanted = plan.events * command.subscribers;
    auto const came = arrivals.latencies().count();
    BenchIntegrity const integrity{.checked = came,
                                   .lost = wanted > came ? wanted - came : 0,
                                   .doubled = came > wanted ? came - wanted : 0,
                                   .moved = subscribers.out_of_order(),
                                   .damaged = arrivals.damaged()};
    auto const published = static_cast<double>(plan.events);
    BenchReport(context, "fanout", command, events.event_bytes())
        .add("subscribers", std::uint64_t{command.subscribers})
        .add("in_flight", std::uint64_t{plan.in_flight})
        .add("batch", std::uint64_t{plan.batch})
        .add("events", plan.events)
        .add("seconds", seconds.count())
        .add("deliveries_per_second", std::round(static_cast<double>(came) / seconds.count()))
        .add_rate("events_per_second", published / seconds.count(), bare)
        .add("bare_batch", loop.batch)
        .add(arrivals.latencies())
        .add(integrity)
        .show();
    return success();
}

}  // namespace capstan::cli
