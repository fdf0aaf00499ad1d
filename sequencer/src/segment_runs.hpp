#pragma once
#include <boost/unordered/unordered_flat_map.hpp>
#include <capstan/sequencer/run_entry.hpp>
#include <optional>
#include <span>
#include <vector>

namespace capstan {

/// What the index keeps of a run in memory: a run entry without its stream and segment.
struct StoredRun {
    Seq first;
    Hash128 chain;
    DeviceId device;
    Attempt attempt;
    Counter first_counter;
    Seq mark;
    Position position;
    std::uint32_t offset = 0;
    std::uint32_t bytes = 0;
    std::uint16_t lead = 0;
    std::uint16_t count = 0;

    Seq last() const { return Seq{first.value + count - 1}; }
};
static_assert(sizeof(StoredRun) == 88);

/// The first level of the index: the runs of one segment, by stream, in memory until the segment's
/// footer can be read instead. Bounded by the segment's size: a run of one small event takes
/// about as much here as on the tape.
class SegmentRuns {
  public:
    explicit SegmentRuns(SegmentNumber segment) : segment_(segment) {}

    void add(RunEntry const& run);
    /// The runs of a stream in seq order; empty if there are none. Valid until the next `add`.
    std::span<StoredRun const> runs(StreamNumber stream) const;
    RunEntry entry(StreamNumber stream, StoredRun const& run) const;

    SegmentNumber segment() const { return segment_; }
    std::vector<StreamNumber> streams() const;  // ascending
    std::optional<Position> first_position() const { return first_position_; }
    std::size_t size() const { return size_; }

  private:
    SegmentNumber segment_;
    std::optional<Position> first_position_;
    std::size_t size_ = 0;
    boost::unordered_flat_map<std::uint32_t, std::vector<StoredRun>> streams_;
};

/// The run that holds `seq`, or the first one behind it.
std::span<StoredRun const> runs_from(std::span<StoredRun const> runs, Seq seq);

}  // namespace capstan
