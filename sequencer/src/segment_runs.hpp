#pragma once
#include <boost/unordered/unordered_flat_map.hpp>
#include <capstan/sequencer/run_entry.hpp>
#include <optional>
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
    std::uint32_t before = 0;  // ordinal of the stream's run before; means nothing for its first

    Seq last() const { return Seq{first.value + count - 1}; }
};
static_assert(sizeof(StoredRun) == 88);

/// The first level of the index: the runs of one segment, in memory until the segment's footer can
/// be read instead. Bounded by the segment's size: a run of one small event takes less here than on
/// the tape.
///
/// Runs stand in journal order, so that adding one touches its stream's entry and the end of the
/// list, nothing else. Each names the run of its stream before; of streams with many, every
/// kPieceRuns-th is noted too, and reading forwards takes such a piece at a time.
class SegmentRuns {
  public:
    /// `streams`: about how many to expect.
    explicit SegmentRuns(SegmentNumber segment, std::size_t streams = 0) : segment_(segment) {
        streams_.reserve(streams);
    }

    void add(RunEntry const& run);

    /// First seq of a stream here; nothing if it has no runs.
    std::optional<Seq> first(StreamNumber stream) const;

    /// Hands the visitor the run that holds `from` and those behind it, in order, until it returns
    /// false. All of the stream's runs if they begin behind `from`.
    template <class Visitor>
    void visit_from(StreamNumber stream, Seq from, Visitor visitor) const;
    /// The stream's runs from the newest backwards, until the visitor returns false.
    template <class Visitor>
    void visit_backwards(StreamNumber stream, Visitor visitor) const;

    RunEntry entry(StreamNumber stream, StoredRun const& run) const;

    SegmentNumber segment() const { return segment_; }
    std::vector<StreamNumber> streams() const;  // ascending
    std::size_t stream_count() const { return streams_.size(); }
    std::optional<Position> first_position() const;
    std::size_t size() const { return size_; }

  private:
    static constexpr std::uint32_t kPieceRuns = 32;
    static constexpr std::uint32_t kBlockRuns = 1'024;

    struct Stream {
        Seq first;
        std::uint32_t last = 0;  // ordinal of its newest run
        std::uint32_t runs = 0;
        std::vector<std::uint32_t> piece_ends;  // ordinals of its runs kPieceRuns, 2 kPieceRuns, …
    };

    StoredRun const& at(std::uint32_t ordinal) const {
        return blocks_[ordinal / kBlockRuns][ordinal % kBlockRuns];
    }
    Stream const* find(StreamNumber stream) const;
    std::uint32_t piece_of(Stream const& stream, Seq seq) const;

    SegmentNumber segment_;
    std::uint32_t size_ = 0;
    std::vector<std::vector<StoredRun>> blocks_;
    boost::unordered_flat_map<std::uint32_t, Stream> streams_;
};

template <class Visitor>
void SegmentRuns::visit_from(StreamNumber number, Seq from, Visitor visitor) const {
    auto const* stream = find(number);
    if (stream == nullptr) {
        return;
    }
    for (auto piece = piece_of(*stream, from); piece * kPieceRuns < stream->runs; ++piece) {
        StoredRun const* runs[kPieceRuns];
        auto count = std::min(kPieceRuns, stream->runs - piece * kPieceRuns);
        auto ordinal = piece < stream->piece_ends.size() ? stream->piece_ends[piece] : stream->last;
        for (auto i = count; i-- > 0; ordinal = runs[i]->before) {
            runs[i] = &at(ordinal);
        }
        for (std::uint32_t i = 0; i < count; ++i) {
            if (runs[i]->last() >= from && !visitor(*runs[i])) {
                return;
            }
        }
    }
}

template <class Visitor>
void SegmentRuns::visit_backwards(StreamNumber number, Visitor visitor) const {
    auto const* stream = find(number);
    if (stream == nullptr) {
        return;
    }
    auto ordinal = stream->last;
    for (auto left = stream->runs; left > 0; --left) {
        auto const& run = at(ordinal);
        if (!visitor(run)) {
            return;
        }
        ordinal = run.before;
    }
}

}  // namespace capstan
