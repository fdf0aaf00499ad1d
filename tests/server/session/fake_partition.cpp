#include "fake_partition.hpp"

#include <algorithm>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/submission.hpp>

namespace capstan::test {

FakePartition::FakePartition(PartitionListener& listener) : listener_(listener) {
    fold_one(encode_genesis(Lineage{1}, 0));
}

Result<> FakePartition::submit(Bytes submission, std::uint64_t token) {
    if (submit_error) {
        return *submit_error;
    }
    queue_.push_back({std::move(submission), token});
    return success();
}

void FakePartition::catch_up(std::function<void(Result<> const&)> done) {
    if (behind_) {
        catching_up_.push_back(std::move(done));
    } else {
        done(success());
    }
}

void FakePartition::caught_up(Result<> const& result) {
    behind_ = false;
    for (auto const& done : std::exchange(catching_up_, {})) {
        done(result);
    }
}

Verdict FakePartition::fold_one(ByteView record) {
    auto const view = SubmissionView::decode(record).value();
    StreamRow no_stream;
    DeviceRow no_device;
    Stream* stream = nullptr;
    if (names_stream(view.kind)) {
        stream = &streams_[std::string(view.stream)];
        stream->row.name = view.stream;
    }
    auto& device =
        stream != nullptr && names_device(view.kind) ? stream->devices[view.device] : no_device;
    auto verdict = fold({row_, stream == nullptr ? no_stream : stream->row, device}, view, record);
    chains_.push_back(row_.chain);
    if (verdict.outcome == Verdict::accepted && verdict.count > 0) {
        if (std::ranges::find(moved_, stream, &Moved::stream) == moved_.end()) {
            moved_.push_back({stream, stream->runs.size()});
        }
        auto const delivered = record.subspan(view.delivered_at, view.delivered_bytes);
        stream->changed = row_.position;
        stream->runs.push_back({.first = verdict.first,
                                .last = Seq{verdict.first.value + verdict.count - 1},
                                .mark_before = verdict.mark_before,
                                .mark = verdict.mark,
                                .chain = stream->row.chain,
                                .delivered = {delivered.begin(), delivered.end()}});
    }
    return verdict;
}

void FakePartition::flush(std::size_t submissions_max) {
    std::vector<Folded> folded;
    for (; submissions_max > 0 && !queue_.empty(); --submissions_max) {
        auto const next = std::move(queue_.front());
        queue_.pop_front();
        auto const verdict = fold_one(next.record);
        folded.push_back({next.token, row_.position, verdict});
    }
    listener_.on_folded(folded);
    for (auto const& [stream, runs_before] : std::exchange(moved_, {})) {
        std::vector<std::uint64_t> marks;
        std::vector<ByteView> runs;
        for (auto i = runs_before; i < stream->runs.size(); ++i) {
            marks.push_back(stream->runs[i].mark.value);
            runs.push_back(stream->runs[i].delivered);
        }
        auto const& first = stream->runs[runs_before];
        listener_.on_moved({.stream = stream->row.number,
                            .name = stream->row.name,
                            .generation = stream->row.generation,
                            .first = first.first,
                            .last = stream->row.head,
                            .chain = stream->row.chain,
                            .mark_before = first.mark_before,
                            .marks = marks,
                            .runs = runs});
    }
}

void FakePartition::turn_away(Error const& why) {
    std::vector<std::uint64_t> tokens;
    for (auto const& queued : std::exchange(queue_, {})) {
        tokens.push_back(queued.token);
    }
    listener_.on_turned_away(tokens, why);
}

void FakePartition::restore(Lineage lineage) {
    fold_one(encode_restore(lineage, 0));
}

FakePartition::Stream* FakePartition::find(StreamNumber number) {
    for (auto& [name, stream] : streams_) {
        if (stream.row.number == number && stream.row.exists()) {
            return &stream;
        }
    }
    return nullptr;
}

StreamStat FakePartition::stat_of(Stream& stream) {
    capstan::catch_up(row_, stream.row);
    return {.number = stream.row.number,
            .name = stream.row.name,
            .generation = stream.row.generation,
            .head = stream.row.head,
            .chain = stream.row.chain,
            .mark = stream.row.mark,
            .tape_first = Seq{1},
            .ended = stream.row.ended};
}

Result<std::optional<StreamStat>> FakePartition::stat(std::string_view name) {
    auto const at = streams_.find(name);
    if (at == streams_.end() || !at->second.row.exists()) {
        return std::optional<StreamStat>{};
    }
    return std::optional(stat_of(at->second));
}

Result<std::optional<StreamStat>> FakePartition::stat(StreamNumber number) {
    auto* const stream = find(number);
    return stream == nullptr ? std::optional<StreamStat>{} : std::optional(stat_of(*stream));
}

Result<DeviceStat> FakePartition::device(StreamNumber number, DeviceId const& device) {
    auto* const stream = find(number);
    if (stream == nullptr) {
        return Error{Errc::not_found, {}};
    }
    auto const at = stream->devices.find(device);
    if (at == stream->devices.end()) {
        return DeviceStat{};
    }
    auto const& row = at->second;
    return DeviceStat{row.attempt, row.last, row.preceding_seq, row.halted};
}

/// The page is whole already; its runs stand for their sizes.
Result<FoundPage> FakePartition::find_page(StreamNumber number, Seq from, std::size_t bytes_max) {
    reads += 1;
    if (read_error) {
        return *read_error;
    }
    auto* const stream = find(number);
    if (stream == nullptr) {
        return Error{Errc::not_found, {}};
    }
    FoundPage found{.page = {.generation = stat_of(*stream).generation, .head = stream->row.head},
                    .runs = {}};
    auto& page = found.page;
    for (auto const& run : stream->runs) {
        if (run.last < from) {
            continue;
        }
        if (page.runs.empty()) {
            page.first = run.first;
            page.mark_before = run.mark_before;
        } else if (page.runs.size() + run.delivered.size() > bytes_max) {
            break;
        }
        page.last = run.last;
        page.chain = run.chain;
        page.marks.push_back(run.mark.value);
        page.runs.insert(page.runs.end(), run.delivered.begin(), run.delivered.end());
        auto& entry = found.runs.emplace_back();
        entry.place.bytes = static_cast<std::uint32_t>(run.delivered.size());
    }
    return found;
}

Result<Hash128> FakePartition::chain_at(StreamNumber number, Seq seq) {
    auto* const stream = find(number);
    if (stream == nullptr) {
        return Error{Errc::not_found, {}};
    }
    auto chain = chain_start(stream->row.name);
    for (auto const& run : stream->runs) {
        ByteReader reader(run.delivered);
        auto const delivered = DeliveredRunView::take(reader).value();
        auto const& header = delivered.run().header();
        for (std::uint32_t i = 0; i < delivered.run().count(); ++i) {
            if (run.first.plus(i) > seq) {
                return chain;
            }
            auto const p =
                header.preceding_seq == kAtHead ? Seq{run.first.value - 1} : header.preceding_seq;
            Dot const dot{delivered.device(), delivered.run().first_counter().plus(i)};
            auto const flags = static_cast<std::uint16_t>(header.flags & RunFlags::chained);
            chain = chain_next(chain, dot, p, flags, delivered.run().event(i));
        }
    }
    return chain;
}

Result<std::vector<StreamStat>> FakePartition::list(StreamPattern const& pattern,
                                                    std::string_view after,
                                                    std::size_t limit) {
    std::vector<StreamStat> found;
    for (auto at = streams_.upper_bound(after); at != streams_.end(); ++at) {
        if (found.size() < limit && at->second.row.exists() && pattern.matches(at->first)) {
            found.push_back(stat_of(at->second));
        }
    }
    return found;
}

Result<std::optional<std::vector<StreamNumber>>> FakePartition::changed_since(
    Position position, Hash128 const& chain) {
    using Answer = std::optional<std::vector<StreamNumber>>;
    if (position.value >= chains_.size() || chains_[position.value] != chain) {
        return Answer{};
    }
    std::vector<StreamNumber> changed;
    for (auto const& [name, stream] : streams_) {
        if (stream.changed > position) {
            changed.push_back(stream.row.number);
        }
    }
    return Answer{changed};
}

}  // namespace capstan::test
