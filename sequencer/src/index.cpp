#include <algorithm>
#include <capstan/sequencer/index.hpp>
#include <iterator>

#include "change_log.hpp"
#include "footer_cache.hpp"
#include "run_chunk.hpp"
#include "run_match.hpp"
#include "segment_runs.hpp"

namespace capstan {

bool RunCollector::take(RunEntry const& run, RunCursor& cursor) {
    bool const fits = runs_ < limit_.runs && bytes_ + run.place.bytes <= limit_.bytes;
    if (runs_ != 0 && !fits) {
        full_ = true;
        return false;
    }
    out_.push_back(run);
    ++runs_;
    bytes_ += run.place.bytes;
    cursor.next = run.end();
    return true;
}

struct Index::Pending {
    ChangeLog changes;
    RunChunkWriter runs;
    std::vector<LinksWrite> links;
};

Index::Index(CheckpointStore const& store, SegmentReader const& segments, IndexOptions options)
    : store_(store),
      sealed_runs_(store, segments, options),
      pending_(std::make_unique<Pending>()) {}

Index::~Index() = default;

Result<> Index::recover() {
    CAPSTAN_INVARIANT(memory_.empty());
    CAPSTAN_TRY(auto const stored, store_.runs());
    sealed_through_ = stored.retired;
    for (auto const& chunk : stored.chunks) {
        CAPSTAN_TRY(auto const runs, decode_run_chunk(chunk));
        for (auto const& run : runs) {
            runs_of(run.place.segment).add(run);
        }
    }
    return success();
}

SegmentRuns& Index::runs_of(SegmentNumber segment) {
    if (memory_.empty() || memory_.back()->segment() < segment) {
        CAPSTAN_INVARIANT(segment > sealed_through_);
        auto const streams = memory_.empty() ? 0 : memory_.back()->stream_count();
        memory_.push_back(std::make_shared<SegmentRuns>(segment, streams));
    }
    CAPSTAN_INVARIANT(memory_.back()->segment() == segment);
    return *memory_.back();
}

void Index::add(RunEntry const& run) {
    runs_of(run.place.segment).add(run);
    pending_->runs.add(run);
    pending_->changes.add(run.stream, run.position);
}

void Index::note_change(StreamNumber stream, Position position) {
    pending_->changes.add(stream, position);
}

Result<> Index::read(RunCursor& cursor, ReadLimit limit, std::vector<RunEntry>& out) {
    RunCollector into(limit, out);
    for (;;) {
        auto const start = cursor.next;
        read_memory(cursor, into);
        // What memory has begun to tell it tells to the end.
        if (into.full() || cursor.next != start) {
            return success();
        }
        CAPSTAN_TRY(sealed_runs_.read(cursor, into));
        if (into.full() || cursor.next == start) {
            return success();
        }
    }
}

void Index::read_memory(RunCursor& cursor, RunCollector& into) const {
    for (auto const& segment : memory_) {
        auto const first = segment->first(cursor.stream);
        if (!first || *first > cursor.next) {
            continue;
        }
        segment->visit_from(cursor.stream, cursor.next, [&](StoredRun const& run) {
            return into.take(segment->entry(cursor.stream, run), cursor);
        });
        if (into.full()) {
            return;
        }
    }
}

Result<std::optional<RunEntry>> Index::find(StreamNumber stream, Seq seq) {
    RunCursor cursor{stream, seq};
    std::vector<RunEntry> found;
    CAPSTAN_TRY(read(cursor, {.runs = 1}, found));
    if (found.empty() || found.front().first > seq) {
        return std::optional<RunEntry>();
    }
    return std::optional(found.front());
}

Result<std::optional<RunEntry>> Index::find_run(RunKey const& key, Seq above) {
    for (auto segment = memory_.rbegin(); segment != memory_.rend(); ++segment) {
        std::optional<RunEntry> found;
        auto step = RunMatch::older;
        (*segment)->visit_backwards(key.stream, [&](StoredRun const& run) {
            step = match(run, key, above);
            if (step == RunMatch::found) {
                found = (*segment)->entry(key.stream, run);
            }
            return step == RunMatch::older;
        });
        if (step != RunMatch::older) {
            return found;
        }
    }
    return sealed_runs_.find_run(key, above);
}

Result<std::vector<StreamChange>> Index::changed_after(Position position, std::size_t limit) {
    auto& recent = pending_->changes;
    std::vector<StreamChange> result;
    for (auto from = position; result.size() < limit;) {
        auto const wanted = limit - result.size();
        CAPSTAN_TRY(auto const stored, store_.changed_after(from, wanted));
        for (auto const& change : stored) {
            // One that has changed again since follows below. (The store may be newer than
            // `committed` has told; then what it knows is in the log still.)
            if (!recent.has(change.stream)) {
                result.push_back(change);
            }
        }
        if (stored.size() < wanted) {
            recent.changed_after(position, limit, result);
            break;
        }
        from = stored.back().position;
    }
    return result;
}

std::vector<SegmentNumber> Index::to_seal(SegmentNumber open) const {
    std::vector<SegmentNumber> numbers;
    for (auto number = sealed_through_.next(); number < open; number = number.next()) {
        numbers.push_back(number);
    }
    return numbers;
}

FooterJob Index::seal(SegmentNumber segment) const {
    FooterJob job;
    job.segment_ = segment;
    job.too_late_ = segment <= sealed_through_;
    job.store_ = &store_;
    for (auto const& runs : memory_) {
        if (runs->segment() < segment) {
            job.older_.push_back(runs);
        } else if (runs->segment() == segment) {
            job.runs_ = runs;
        }
    }
    return job;
}

/// In order: the links that a later segment changes are newer than those of an older one.
void Index::sealed(SealedSegment segment) {
    CAPSTAN_INVARIANT(segment.number > sealed_through_);
    auto const number = segment.number;
    waiting_.emplace(number, std::move(segment));
    while (!waiting_.empty() && waiting_.begin()->first == sealed_through_.next()) {
        sealed_through_ = sealed_through_.next();
        std::ranges::move(waiting_.begin()->second.links, std::back_inserter(pending_->links));
        waiting_.erase(waiting_.begin());
    }
}

IndexDelta Index::take_delta() {
    IndexDelta delta{pending_->runs.take(), std::exchange(pending_->links, {}), sealed_through_};
    std::erase_if(delta.runs,
                  [&](RunChunk const& chunk) { return chunk.segment <= sealed_through_; });
    return delta;
}

void Index::committed(Position position, SegmentNumber retired) {
    pending_->changes.drop_through(position);
    std::erase_if(memory_, [&](auto const& runs) { return runs->segment() <= retired; });
}

}  // namespace capstan
