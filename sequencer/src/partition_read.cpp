#include <algorithm>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/wire.hpp>
#include <memory>

#include "partition_impl.hpp"

namespace capstan {
namespace {

/// Two runs that are no further apart on the tape than this are read in one go, as long as all of
/// it stays in the processor's cache until it is checked and copied.
constexpr std::uint64_t kReadGapMax = 16 * 1'024;
constexpr std::uint64_t kReadBytesMax = 64 * 1'024;
constexpr std::size_t kChangesMax = 100'000;

/// What is read in one go; its bytes are not set before.
class ReadPiece {
  public:
    std::span<std::byte> of(std::size_t bytes) {
        if (bytes > size_) {
            size_ = std::max<std::size_t>(bytes, kReadBytesMax);
            bytes_ = std::make_unique_for_overwrite<std::byte[]>(size_);
        }
        return {bytes_.get(), bytes};
    }

  private:
    std::size_t size_ = 0;
    std::unique_ptr<std::byte[]> bytes_;
};

std::uint64_t record_start(RunEntry const& run) {
    return run.place.offset.value - run.place.lead;
}
std::uint64_t record_end(RunEntry const& run) {
    return run.place.offset.value + run.place.bytes;
}

/// How many of the runs, from the first on, are read in one go.
std::size_t read_together(std::span<RunEntry const> runs) {
    std::size_t count = 1;
    while (count < runs.size() && runs[count].place.segment == runs[0].place.segment &&
           record_start(runs[count]) - record_end(runs[count - 1]) <= kReadGapMax &&
           record_end(runs[count]) - record_start(runs[0]) <= kReadBytesMax) {
        ++count;
    }
    return count;
}

}  // namespace

StreamStat PartitionImpl::stat_of(RowCache::Stream& stream) const {
    capstan::catch_up(row_, stream.row);
    auto const& row = stream.row;
    return {.number = row.number,
            .name = row.name,
            .generation = row.generation,
            .head = row.head,
            .chain = row.chain,
            .mark = row.mark,
            .tape_first = Seq{1},
            .sealed = row.lifecycle == Lifecycle::sealed,
            .ended = row.ended};
}

Result<std::optional<StreamStat>> PartitionImpl::stat(std::string_view name) {
    CAPSTAN_TRY(auto* stream, rows_.find_stream(name));
    if (stream == nullptr || !stream->row.exists()) {
        return std::optional<StreamStat>{};
    }
    return stat_of(*stream);
}

Result<std::optional<StreamStat>> PartitionImpl::stat(StreamNumber number) {
    CAPSTAN_TRY(auto* stream, rows_.find_stream(number));
    if (stream == nullptr || !stream->row.exists()) {
        return std::optional<StreamStat>{};
    }
    return stat_of(*stream);
}

Result<DeviceStat> PartitionImpl::device(StreamNumber stream, DeviceId const& device) {
    CAPSTAN_TRY(auto const* found, rows_.find_device(stream, device));
    if (found == nullptr) {
        return DeviceStat{};
    }
    auto const& row = found->row;
    return DeviceStat{row.attempt, row.last, row.preceding_seq, row.halted};
}

Result<Bytes> PartitionImpl::read_tape(std::span<RunEntry const> runs) const {
    std::size_t total = 0;
    for (auto const& run : runs) {
        total += run.place.bytes;
    }
    Bytes out;
    out.reserve(total + kMessageAlignment);  // whoever sends it pads it
    ReadPiece buffer;
    while (!runs.empty()) {
        auto const together = runs.first(read_together(runs));
        auto const start = record_start(together.front());
        auto const piece = buffer.of(record_end(together.back()) - start);
        CAPSTAN_TRY(journal_->pread(together.front().place.segment, Offset{start}, piece));
        for (auto const& run : together) {
            auto const record = ByteView(piece).subspan(record_start(run) - start,
                                                        record_end(run) - record_start(run));
            if (!SubmissionView::decode(record)) {
                return Error{Errc::journal_corrupt,
                             "position " + std::to_string(run.position.value) + " in segment " +
                                 std::to_string(run.place.segment.value)};
            }
            auto const delivered = record.subspan(run.place.lead);
            out.insert(out.end(), delivered.begin(), delivered.end());
        }
        runs = runs.subspan(together.size());
    }
    return out;
}

std::size_t FoundPage::bytes() const {
    std::size_t total = 0;
    for (auto const& run : runs) {
        total += run.place.bytes;
    }
    return total;
}

Result<Page> Partition::read(StreamNumber stream, Seq from, std::size_t bytes_max) {
    CAPSTAN_TRY(auto found, find_page(stream, from, bytes_max));
    return load_page(std::move(found));
}

Result<FoundPage> PartitionImpl::find_page(StreamNumber stream, Seq from, std::size_t bytes_max) {
    CAPSTAN_TRY(auto const stat, this->stat(stream));
    if (!stat) {
        return Error{Errc::not_found, "stream " + std::to_string(stream.value)};
    }
    FoundPage found{.page = {.generation = stat->generation, .head = stat->head}, .runs = {}};
    if (from > stat->head || from.value == 0) {
        return found;
    }
    auto& [page, runs] = found;
    RunCursor cursor{.stream = stream, .next = from};
    CAPSTAN_TRY(index_.read(cursor, {.bytes = bytes_max}, runs));
    CAPSTAN_INVARIANT(!runs.empty(), "a seq at or below the head is on the tape");
    page.first = runs.front().first;
    page.last = runs.back().last();
    page.chain = runs.back().chain;
    if (page.first > Seq{1}) {
        CAPSTAN_TRY(auto const before, run_at(stream, Seq{page.first.value - 1}));
        page.mark_before = before.mark;
    }
    for (auto const& run : runs) {
        page.marks.push_back(run.mark.value);
    }
    return found;
}

Result<Page> PartitionImpl::load_page(FoundPage found) const {
    CAPSTAN_TRY(found.page.runs, read_tape(found.runs));
    return std::move(found.page);
}

Result<RunEntry> PartitionImpl::run_at(StreamNumber stream, Seq seq) {
    CAPSTAN_TRY(auto const run, index_.find(stream, seq));
    CAPSTAN_INVARIANT(run.has_value(), "a seq at or below the head is on the tape");
    return *run;
}

Result<Hash128> PartitionImpl::chain_at(StreamNumber stream, Seq seq) {
    CAPSTAN_TRY(auto const stat, this->stat(stream));
    if (!stat || seq > stat->head) {
        return Error{Errc::not_found, "seq " + std::to_string(seq.value)};
    }
    if (seq == stat->head) {
        return stat->chain;
    }
    if (seq.value == 0) {
        return chain_start(stat->name);
    }
    CAPSTAN_TRY(auto const run, run_at(stream, seq));
    if (run.last() == seq) {
        return run.chain;
    }
    CAPSTAN_TRY(auto chain, chain_at(stream, Seq{run.first.value - 1}));
    CAPSTAN_TRY(auto const bytes, read_tape({&run, 1}));
    ByteReader reader(bytes);
    CAPSTAN_TRY(auto const delivered, DeliveredRunView::take(reader));
    auto const& header = delivered.run().header();
    auto const p =
        header.preceding_seq == kAtHead ? Seq{run.first.value - 1} : header.preceding_seq;
    auto const flags = static_cast<std::uint16_t>(header.flags & RunFlags::chained);
    for (std::uint32_t i = 0; run.first.plus(i) <= seq; ++i) {
        Dot const dot{run.device, run.first_counter.plus(i)};
        chain = chain_next(chain, dot, p, flags, delivered.run().event(i));
    }
    return chain;
}

Result<std::vector<StreamStat>> PartitionImpl::list(StreamPattern const& pattern,
                                                    std::string_view after,
                                                    std::size_t limit) {
    std::map<std::string, StreamNumber, std::less<>> found;
    std::string resume(after);
    while (found.size() < limit) {
        CAPSTAN_TRY(auto const page,
                    seams_.checkpoints.list(pattern, resume, limit - found.size()));
        for (auto const& stream : page.streams) {
            found.emplace(stream.name, stream.number);
        }
        if (!page.resume_after) {
            break;
        }
        resume = *page.resume_after;
    }
    for (auto const* recent : {&created_taken_, &created_}) {
        for (auto at = recent->upper_bound(after); at != recent->end(); ++at) {
            if (pattern.matches(at->first)) {
                found.insert(*at);
            }
        }
    }
    std::vector<StreamStat> out;
    for (auto const& [name, number] : found) {
        if (out.size() == limit) {
            break;
        }
        CAPSTAN_TRY(auto const stat, this->stat(number));
        if (stat) {
            out.push_back(*stat);
        }
    }
    return out;
}

Result<std::optional<std::vector<StreamNumber>>> PartitionImpl::changed_since(
    Position position, Hash128 const& chain) {
    using Answer = std::optional<std::vector<StreamNumber>>;
    if (position > row_.position) {
        return Answer{};
    }
    if (position < row_.position) {
        auto const place = journal_->locate(position);
        if (!place || place.value().chain != chain) {
            return Answer{};
        }
    } else if (chain != row_.chain) {
        return Answer{};
    }
    CAPSTAN_TRY(auto const changes, index_.changed_after(position, kChangesMax + 1));
    if (changes.size() > kChangesMax) {
        return Answer{};
    }
    std::vector<StreamNumber> moved;
    for (auto const& change : changes) {
        moved.push_back(change.stream);
    }
    return Answer{std::move(moved)};
}

}  // namespace capstan
