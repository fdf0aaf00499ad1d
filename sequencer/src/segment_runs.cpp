#include "segment_runs.hpp"

#include <algorithm>
#include <capstan/schema/error.hpp>

namespace capstan {

void SegmentRuns::add(RunEntry const& run) {
    CAPSTAN_INVARIANT(run.place.segment == segment_ && run.count != 0);
    auto& stream = streams_[run.stream.value];
    if (stream.runs == 0) {
        stream.first = run.first;
    }
    if (size_ % kBlockRuns == 0) {
        blocks_.emplace_back().reserve(kBlockRuns);
    }
    auto& stored = blocks_.back().emplace_back();
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
    stored.before = stream.last;
    stream.last = size_++;
    if (++stream.runs % kPieceRuns == 0) {
        stream.piece_ends.push_back(stream.last);
    }
}

SegmentRuns::Stream const* SegmentRuns::find(StreamNumber stream) const {
    auto const found = streams_.find(stream.value);
    return found == streams_.end() ? nullptr : &found->second;
}

std::optional<Seq> SegmentRuns::first(StreamNumber stream) const {
    auto const* found = find(stream);
    return found == nullptr ? std::nullopt : std::optional(found->first);
}

/// The first piece that does not end before `seq`.
std::uint32_t SegmentRuns::piece_of(Stream const& stream, Seq seq) const {
    auto const& ends = stream.piece_ends;
    auto const found = std::partition_point(
        ends.begin(), ends.end(), [&](std::uint32_t end) { return at(end).last() < seq; });
    return static_cast<std::uint32_t>(found - ends.begin());
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
    for (auto const& [number, stream] : streams_) {
        numbers.push_back(StreamNumber{number});
    }
    std::ranges::sort(numbers);
    return numbers;
}

std::optional<Position> SegmentRuns::first_position() const {
    return size_ == 0 ? std::nullopt : std::optional(at(0).position);
}

}  // namespace capstan
