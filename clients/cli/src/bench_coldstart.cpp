// `capstan bench coldstart`: a new device gets a long stream's model, from a snapshot and by
// replaying the stream.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>

#include "bench_commands.hpp"
#include "snapshot_answers.hpp"

namespace capstan::cli {
namespace {

constexpr std::uint32_t kFillBatch = 64;
constexpr std::size_t kFillInFlight = 64;
constexpr int kRounds = 5;

std::string object_name(std::uint64_t number) {
    auto const digits = std::to_string(number);
    return "object-" + std::string(8 - std::min<std::size_t>(8, digits.size()), '0') + digits;
}

/// Inserts of all objects, then updates of one after the other in a shuffled order: a live state
/// of `objects` with a history of any length.
Event state_event(std::uint64_t number, std::uint64_t objects) {
    auto const object = object_name((number * 7'919) % objects);
    Event event;
    if (number < objects) {
        event.ops.push_back({.kind = OpKind::insert, .object = object, .type = "Thing"});
    }
    event.ops.push_back({.object = object,
                         .field = "title",
                         .value = "the title of version " + std::to_string(number)});
    event.ops.push_back(
        {.object = object, .field = "place", .value = static_cast<std::int64_t>(number)});
    event.ops.push_back({.object = object, .field = "done", .value = number % 3 == 0});
    return event;
}

/// Publishes what the stream lacks to have `events`.
Result<> fill(Remote const& remote, Bench const& command, std::uint64_t there) {
    CAPSTAN_TRY(auto const client, remote.reader());
    CAPSTAN_TRY(auto const stream, client.stream(command.stream));
    std::deque<std::future<Result<Published>>> under_way;
    auto const settle = [&under_way](std::size_t left) -> Result<> {
        for (; under_way.size() > left; under_way.pop_front()) {
            CAPSTAN_TRY(under_way.front().get());
        }
        return success();
    };
    for (std::uint64_t next = there; next < command.events;) {
        std::vector<Event> batch;
        while (batch.size() < kFillBatch && next < command.events) {
            batch.push_back(state_event(next++, command.objects));
        }
        under_way.push_back(stream.publish(batch, {}));
        CAPSTAN_TRY(settle(kFillInFlight));
    }
    return settle(0);
}

struct Start {
    double seconds = 0;
    std::uint64_t state_hash = 0;
    std::uint64_t objects = 0;
};

/// A device without anything, from its first connection until its model has come to the head.
Result<Start> start(Remote const& remote, std::string const& stream, Seq head, bool snapshots) {
    auto const begun = std::chrono::steady_clock::now();
    CAPSTAN_TRY(auto const client, remote.cold_device(snapshots));
    CAPSTAN_TRY(auto const model, client.model(stream));
    CAPSTAN_TRY(model.wait_for(head, remote.timeout()));
    std::chrono::duration<double> const took = std::chrono::steady_clock::now() - begun;
    return Start{took.count(), model.state_hash(), model.status().model.objects};
}

/// The quickest of some: what the machine does beside it is not what is asked.
Result<Start> best(Remote const& remote, std::string const& stream, Seq head, bool snapshots) {
    CAPSTAN_TRY(auto best, start(remote, stream, head, snapshots));
    for (int round = 1; round < kRounds; ++round) {
        CAPSTAN_TRY(auto const again, start(remote, stream, head, snapshots));
        best.seconds = std::min(best.seconds, again.seconds);
    }
    return best;
}

double milliseconds(double seconds) {
    return std::round(seconds * 1e6) / 1e3;
}

}  // namespace

Result<> bench_coldstart(Context& context, Remote const& remote, Bench const& command) {
    CAPSTAN_TRY(auto const found, remote.find(command.stream));
    CAPSTAN_TRY(fill(remote, command, found ? found->head.value : 0));
    CAPSTAN_TRY(auto const stream, remote.stat(command.stream));
    CAPSTAN_TRY(auto const built, create_snapshot(remote, command.stream));
    CAPSTAN_TRY(auto const warm, best(remote, command.stream, stream.head, true));
    CAPSTAN_TRY(auto const replay, best(remote, command.stream, stream.head, false));
    BenchIntegrity const integrity{
        .checked = warm.objects,
        .damaged = warm.state_hash == replay.state_hash ? std::uint64_t{0} : warm.objects};
    auto const log_bytes = static_cast<double>(built.event_bytes);
    BenchReport(context, "coldstart", command, built.event_bytes / built.seq)
        .add("events", stream.head.value)
        .add("objects", warm.objects)
        .add("snapshot_bytes", built.bytes)
        .add("log_bytes", built.event_bytes)
        .add("bytes_share", std::round(1e5 * static_cast<double>(built.bytes) / log_bytes) / 1e5)
        .add("coldstart_ms", milliseconds(warm.seconds))
        .add("replay_ms", milliseconds(replay.seconds))
        .add("times_faster", std::round(10 * replay.seconds / warm.seconds) / 10)
        .add(integrity)
        .show();
    return success();
}

}  // namespace capstan::cli
