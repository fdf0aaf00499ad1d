#include "segment_runs.hpp"

#include <algorithm>
#include <capstan/schema/error.hpp>

namespace capstan {

void SegmentRuns::add(RunEntry const& run) {
    CAPSTAN_INVARIANT(run.place.segment == segment_ && run.count != 0);
    auto& runs = streams_[run.stream.value];
    CAPSTAN_INVARIANT(runs.empty() || runs.back().last().next() == run.first);
    StoredRun stored;
    stored.first = run.first;
    stored.chain = run.chain;
    stored.device = run.device;
    stored.attempt = run.attempt;
    stored.first_counter = run.first_counter;
    stored.mark = run.mark;
    stored.position = run.position;
    stored.offset = static_cast<std::uint32_t>(run.place.offset.value);
    stored.bytes = run.place.bytes;
    stored.lead = run.place.lead;
    stored.count = static_cast<std::uint16_t>(run.count);
    runs.push_back(stored);
    if (!first_position_) {
        first_position_ = run.position;
    }
    ++size_;
}

std::span<StoredRun const> SegmentRuns::runs(StreamNumber stream) const {
    auto const found = streams_.find(stream.value);
    return found == streams_.end() ? std::span<StoredRun const>() : found->second;
}

RunEntry SegmentRuns::entry(StreamNumber stream, StoredRun const& run) const {
    return {stream,
            run.first,
            run.count,
            {segment_, Offset{run.offset}, run.bytes, run.lead},
            run.position,
            run.device,
            run.attempt,
            run.first_counter,
            run.mark,
            run.chain};
}

std::vector<StreamNumber> SegmentRuns::streams() const {
    std::vector<StreamNumber> numbers;
    numbers.reserve(streams_.size());
    for (auto const& [number, runs] : streams_) {
        numbers.push_back(StreamNumber{number});
    }
    std::ranges::sort(numbers);
    return numbers;
}

std::span<StoredRun const> runs_from(std::span<StoredRun const> runs, Seq seq) {
    auto const found =
        std::ranges::partition_point(runs, [&](StoredRun const& run) { return run.last() < seq; });
    return {found, runs.end()};
}

}  // namespace capstan
