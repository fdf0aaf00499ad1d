#include "answers.hpp"

#include <capstan/schema/limits.hpp>

namespace capstan {
namespace {

fb::Outcome to_wire(Verdict::Outcome outcome) {
    switch (outcome) {
        case Verdict::accepted:
            return fb::Outcome::accepted;
        case Verdict::duplicate:
            return fb::Outcome::duplicate;
        case Verdict::settled:
            return fb::Outcome::settled;
        case Verdict::halted:
            return fb::Outcome::halted;
        case Verdict::counter_gap:
            return fb::Outcome::counter_gap;
        case Verdict::behind_itself:
            return fb::Outcome::behind_itself;
        case Verdict::refused:
            return fb::Outcome::refused;
        case Verdict::not_your_device:
            return fb::Outcome::not_your_device;
        default:
            // A run is never applied, ignored or stopped on.
            invariant_failed("outcome of a run", __FILE__, __LINE__, to_string(outcome));
    }
}

constexpr std::size_t kKeptCapacity = 64;  // of a session at rest

/// Results of one message, well below its limit.
constexpr std::size_t kResultsMax = kMessageBytesMax / 2 / sizeof(fb::RunResult);

}  // namespace

RunId RunId::of(RunView const& run, StreamNumber stream) {
    return {.attempt = run.header().attempt,
            .first_counter = run.first_counter(),
            .stream = stream,
            .count = static_cast<std::uint16_t>(run.count()),
            .floor = run.is_floor()};
}

std::optional<RunId> RunId::guess(ByteView run, StreamNumber stream) {
    if (run.size() < RunView::kHeaderBytes) {
        return std::nullopt;
    }
    ByteReader reader(run);
    RunId id{.stream = stream};
    id.attempt.value = reader.get<std::uint64_t>();
    id.first_counter.value = reader.get<std::uint64_t>() + 1;
    return id;
}

fb::RunResult result_of(RunId const& run, Verdict const& verdict) {
    return fb::RunResult(run.attempt.value,
                         run.first_counter.value,
                         verdict.first.value,
                         verdict.last.counter.value,
                         verdict.last.attempt.value,
                         verdict.attempt.value,
                         0,
                         run.stream.value,
                         run.count,
                         verdict.reason ? static_cast<std::uint16_t>(*verdict.reason) : 0,
                         to_wire(verdict.outcome),
                         run.floor);
}

fb::RunResult result_of(RunId const& run, TurnedAway const& refusal) {
    return fb::RunResult(run.attempt.value,
                         run.first_counter.value,
                         0,
                         0,
                         0,
                         0,
                         refusal.retry_after_ms,
                         run.stream.value,
                         run.count,
                         static_cast<std::uint16_t>(refusal.why.code),
                         fb::Outcome::turned_away,
                         run.floor);
}

std::uint32_t InFlight::add(Run run) {
    if (free_.empty()) {
        free_.push_back(static_cast<std::uint32_t>(runs_.size()));
        runs_.emplace_back();
    }
    auto const slot = free_.back();
    free_.pop_back();
    runs_[slot] = std::move(run);
    return slot;
}

InFlight::Run InFlight::take(std::uint32_t slot) {
    auto run = std::move(runs_[slot]);
    free_.push_back(slot);
    if (size() == 0 && runs_.capacity() > kKeptCapacity) {
        runs_ = {};
        free_ = {};
    }
    return run;
}

void Answers::add(fb::RunResult const& result, std::string name, std::string detail) {
    if (name.empty() && detail.empty()) {
        plain_.push_back(result);
    } else {
        named_.push_back({result, std::move(name), std::move(detail)});
    }
}

void Answers::put(MessageWriter& writer, OutQueue& out) {
    std::span<fb::RunResult const> rest = plain_;
    while (!rest.empty()) {
        auto const some = rest.first(std::min(rest.size(), kResultsMax));
        rest = rest.subspan(some.size());
        writer.add(some);
        out.push({std::make_shared<Bytes const>(writer.take()), nullptr});
    }
    for (std::size_t first = 0; first < named_.size();) {
        fb::ResultT message;
        message.name = named_[first].name;
        message.detail = named_[first].detail;
        while (first < named_.size() && named_[first].name == message.name &&
               named_[first].detail == message.detail && message.results.size() < kResultsMax) {
            message.results.push_back(named_[first++].result);
        }
        writer.add(message);
        out.push({std::make_shared<Bytes const>(writer.take()), nullptr});
    }
    plain_.clear();
    named_.clear();
}

}  // namespace capstan
