// `capstan bench append`: durable publishing, then every event read back and compared.
#include <algorithm>
#include <map>
#include <utility>

#include "bench_commands.hpp"
#include "bench_publisher.hpp"
#include "bench_report.hpp"

namespace capstan::cli {
namespace {

constexpr std::size_t kNamesAtOnce = 4'096;

/// What a load put into one stream, as far as answers tell.
struct Span {
    Seq first = kSeqMax;
    Seq last;
};

/// Compares what a stream delivers with what was acked.
class ReadBack {
  public:
    ReadBack(BenchPublisher const& load, BenchEvents const& events)
        : load_(load), events_(events), seen_(load.plan().events) {}

    void take(std::size_t stream, DeliveredEvent const& event) {
        auto const number = events_.number_of(event.bytes);
        if (!number) {
            found_.damaged += 1;
        } else if (number.value() && *number.value() < seen_.size()) {
            compare(stream, event.seq, *number.value());
        }
    }
    BenchIntegrity end() {
        found_.lost = static_cast<std::uint64_t>(std::ranges::count(seen_, false));
        return found_;
    }

  private:
    void compare(std::size_t stream, Seq seq, std::uint64_t number) {
        if (seen_[number]) {
            found_.doubled += 1;
            return;
        }
        seen_[number] = true;
        auto const& place = load_.places()[number / load_.plan().batch];
        auto const there = place.first.plus(number % load_.plan().batch);
        bool const known = place.first != Seq{};
        if (stream != place.stream || (known && seq != there)) {
            found_.moved += 1;
        } else {
            found_.checked += 1;
        }
    }

    BenchPublisher const& load_;
    BenchEvents const& events_;
    std::vector<bool> seen_;  // by event
    BenchIntegrity found_;
};

/// Where to look in each stream that was drawn: all of it where a place is unknown.
std::map<std::size_t, Span> spans_of(BenchPublisher const& load) {
    std::map<std::size_t, Span> spans;
    for (auto const& place : load.places()) {
        bool const known = place.first != Seq{};
        auto& span = spans[place.stream];
        span.first = std::min(span.first, known ? place.first : Seq{1});
        span.last = std::max(span.last, known ? place.first.plus(load.plan().batch - 1) : kSeqMax);
    }
    return spans;
}

/// Shortens each span to what the server says that it has.
Result<> fit_to_heads(Remote const& remote,
                      std::vector<std::string> const& names,
                      std::map<std::size_t, Span>& spans) {
    for (auto at = spans.begin(); at != spans.end();) {
        auto options = remote.inquiry();
        auto const first = at;
        for (; at != spans.end() && options.streams.size() < kNamesAtOnce; ++at) {
            options.streams.push_back(names[at->first]);
        }
        CAPSTAN_TRY(auto const found, inquire(std::move(options)));
        std::map<std::string, Seq> heads;
        for (auto const& stream : found) {
            heads[stream.name] = stream.head;
        }
        for (auto span = first; span != at; ++span) {
            span->second.last = std::min(span->second.last, heads[names[span->first]]);
        }
    }
    return success();
}

/// Reads the span as a device that has never seen the stream; the client checks gaps and hashes.
Result<> read_span(
    Remote const& remote, Client const& client, std::string const& name, Span span, auto take) {
    CAPSTAN_TRY(auto const stream, client.stream(name));
    Reader reader(stream, {.kind = ReadFrom::Kind::seq, .seq = span.first});
    for (Seq held; held < span.last;) {
        CAPSTAN_TRY(auto const item, reader.next(remote.timeout()));
        if (!item) {
            return remote.no_answer();
        }
        auto const* delivery = std::get_if<Delivery>(&*item);
        if (delivery == nullptr) {
            return Error{Errc::trimmed, "the server does not send all events"};
        }
        delivery->each_event(take);
        held = delivery->last;
    }
    return success();
}

}  // namespace

Result<BenchIntegrity> check_load(Remote const& remote,
                                  BenchPublisher const& load,
                                  BenchEvents const& events) {
    CAPSTAN_TRY(auto const client, remote.reader());
    ReadBack back(load, events);
    auto spans = spans_of(load);
    CAPSTAN_TRY(fit_to_heads(remote, load.plan().streams, spans));
    for (auto const& [index, span] : spans) {
        if (span.first > span.last) {
            continue;
        }
        CAPSTAN_TRY(read_span(
            remote,
            client,
            load.plan().streams[index],
            span,
            [&, stream = index](DeliveredEvent const& event) { back.take(stream, event); }));
    }
    return back.end();
}

Result<> bench_append(Context& context, Remote const& remote, Bench const& command) {
    SystemRandom random;
    CAPSTAN_TRY(auto const events, BenchEvents::make(random.next(), command.event_bytes));
    PublishPlan const plan{.streams = bench_streams(command),
                           .events = command.events,
                           .connections = command.connections,
                           .in_flight = command.in_flight,
                           .batch = command.batch};
    auto const gathered = std::uint64_t{plan.connections} * plan.in_flight * plan.batch;
    BareLoop const loop{.directory = command.directory,
                        .event_bytes = events.event_bytes(),
                        .batch = std::min(gathered, plan.events),
                        .events = plan.events};
    CAPSTAN_TRY(auto const bare, loop.write_rate());
    CAPSTAN_TRY(auto const load, BenchPublisher::connect(remote, plan, events));
    CAPSTAN_TRY(run_load(context, remote, *load));
    CAPSTAN_TRY(auto const integrity, check_load(remote, *load, events));
    BenchReport(context, "append", command, events.event_bytes())
        .add("streams", std::uint64_t{command.streams})
        .add("connections", std::uint64_t{plan.connections})
        .add("in_flight", std::uint64_t{plan.in_flight})
        .add("batch", std::uint64_t{plan.batch})
        .add("events", plan.events)
        .add("seconds", load->seconds())
        .add_rate("events_per_second", static_cast<double>(plan.events) / load->seconds(), bare)
        .add("bare_batch", loop.batch)
        .add(load->latencies())
        .add(integrity)
        .show();
    return success();
}

}  // namespace capstan::cli
