#include "run_chunk.hpp"

#include <capstan/schema/limits.hpp>
#include <string>

#include "varint.hpp"

namespace capstan {
namespace {

/// At most: seven numbers below 2^53 (8 bytes each), two below 2^32 (5 each), and 40 fixed bytes.
constexpr std::size_t kRunBytesMax = 7 * 8 + 2 * 5 + 40;

bool is_sound(RunEntry const& run, std::uint64_t offset) {
    return run.stream.value != 0 && run.first.value != 0 && run.count != 0 &&
           run.count <= kRunEventsMax && run.first.value + run.count <= kSeqMax.value + 1 &&
           offset + run.place.bytes <= kSegmentBytesMax && run.place.lead <= offset &&
           run.position.value <= kSeqMax.value && run.mark <= kSeqMax &&
           run.first_counter.value <= kSeqMax.value;
}

}  // namespace

void RunChunkWriter::add(RunEntry const& run) {
    open_ = open_ && chunks_.back().segment == run.place.segment &&
            chunks_.back().bytes.size() + kRunBytesMax <= kRunChunkBytes;
    if (!open_) {
        chunks_.push_back({run.place.segment, run.position, {}});
        chunks_.back().bytes.reserve(kRunChunkBytes);
        position_ = run.position;
        offset_end_ = 0;
        open_ = true;
    }
    CAPSTAN_INVARIANT(run.position >= position_ && run.place.offset.value >= offset_end_);
    auto& out = chunks_.back().bytes;
    put_varint(out, run.stream.value);
    put_varint(out, run.first.value);
    put_varint(out, run.count);
    put_varint(out, run.place.offset.value - offset_end_);
    put_varint(out, run.place.bytes);
    put_varint(out, run.place.lead);
    put_varint(out, run.position.value - position_.value);
    ByteWriter(out).put(run.device).put(run.attempt.value);
    put_varint(out, run.first_counter.value);
    put_varint(out, run.mark.value);
    ByteWriter(out).put(run.chain);
    position_ = run.position;
    offset_end_ = run.place.offset.value + run.place.bytes;
}

std::vector<RunChunk> RunChunkWriter::take() {
    open_ = false;
    return std::exchange(chunks_, {});
}

Result<std::vector<RunEntry>> decode_run_chunk(RunChunk const& chunk) {
    std::vector<RunEntry> runs;
    VarintReader in(chunk.bytes);
    Position position = chunk.first;
    std::uint64_t offset_end = 0;
    while (in.ok() && in.left() != 0) {
        auto& run = runs.emplace_back();
        auto const stream = in.varint();
        run.stream = StreamNumber{static_cast<std::uint32_t>(stream)};
        run.first = Seq{in.varint()};
        auto const count = in.varint();
        run.count = static_cast<std::uint32_t>(count);
        auto const gap = in.varint();
        auto const bytes = in.varint();
        auto const lead = in.varint();
        run.place = {chunk.segment,
                     Offset{offset_end + gap},
                     static_cast<std::uint32_t>(bytes),
                     static_cast<std::uint16_t>(lead)};
        auto const positions = in.varint();
        run.position = position.plus(positions);
        run.device = in.get_device();
        run.attempt = Attempt{in.get<std::uint64_t>()};
        run.first_counter = Counter{in.varint()};
        run.mark = Seq{in.varint()};
        run.chain = in.get_hash();
        if (stream != run.stream.value || count != run.count || bytes != run.place.bytes ||
            lead != run.place.lead || gap > kSegmentBytesMax || positions > kSeqMax.value ||
            !in.ok() || !is_sound(run, offset_end + gap)) {
            return Error{Errc::index_damaged,
                         "runs of segment " + std::to_string(chunk.segment.value)};
        }
        position = run.position;
        offset_end = run.place.offset.value + run.place.bytes;
    }
    return runs;
}

}  // namespace capstan
