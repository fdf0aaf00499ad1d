#include <algorithm>
#include <capstan/sequencer/index.hpp>
#include <iterator>
#include <string>

#include "footer_cache.hpp"
#include "run_match.hpp"

namespace capstan {
namespace {

Error misses_runs(SegmentNumber segment, StreamNumber stream) {
    return Error{Errc::index_damaged,
                 "footer of segment " + std::to_string(segment.value) + " misses runs of stream " +
                     std::to_string(stream.value)};
}

}  // namespace

SealedRuns::SealedRuns(CheckpointStore const& store,
                       SegmentReader const& segments,
                       IndexOptions options)
    : store_(store),
      options_(options),
      footers_(std::make_unique<FooterCache>(segments, options.footer_cache_bytes)) {}

SealedRuns::~SealedRuns() = default;

Result<> SealedRuns::read(RunCursor& cursor, RunCollector& into) {
    while (!into.full()) {
        CAPSTAN_TRY(auto const node, locate(cursor));
        if (!node) {
            return success();
        }
        bool const newest = cursor.ahead.empty();
        CAPSTAN_TRY(auto const moved, read_segment(node->segment, cursor, into));
        if (newest) {
            return success();
        }
        if (!moved && !into.full()) {
            return misses_runs(node->segment, cursor.stream);
        }
    }
    return success();
}

/// The segment that holds `cursor.next`, if a sealed one does: the last one that begins at or
/// before it (of the newest one only its runs can tell). Leaves in `ahead` segments behind it.
Result<std::optional<SegmentLink>> SealedRuns::locate(RunCursor& cursor) {
    auto& ahead = cursor.ahead;
    std::optional<SegmentLink> at_or_before;
    while (!ahead.empty() && ahead.back().first <= cursor.next) {
        at_or_before = ahead.back();
        ahead.pop_back();
    }
    if (at_or_before && at_or_before->first == cursor.next) {
        return at_or_before;
    }
    if (ahead.empty()) {
        CAPSTAN_TRY(start_search(cursor, at_or_before));
    }
    while (!ahead.empty()) {
        CAPSTAN_TRY(auto const links, links_of(cursor.stream, ahead.back()));
        if (links.empty()) {  // the stream begins behind `next`
            ahead.clear();
            return std::optional<SegmentLink>();
        }
        if (links.back().first <= cursor.next) {
            return std::optional(links.back());
        }
        std::copy_if(links.rbegin(), links.rend(), std::back_inserter(ahead), [&](auto link) {
            return link.first > cursor.next;
        });
    }
    return at_or_before;
}

Result<> SealedRuns::start_search(RunCursor& cursor, std::optional<SegmentLink>& at_or_before) {
    CAPSTAN_TRY(auto const stored, store_.links(std::span(&cursor.stream, 1)));
    at_or_before.reset();
    auto const nodes = stored.front().nodes();
    for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
        if (node->first <= cursor.next) {
            at_or_before = *node;
            break;
        }
        cursor.ahead.push_back(*node);
    }
    return success();
}

Result<std::vector<SegmentLink>> SealedRuns::links_of(StreamNumber stream, SegmentLink node) {
    CAPSTAN_TRY(auto const* table, footers_->table(node.segment));
    if (auto const block = table->find(stream, node.first)) {
        CAPSTAN_TRY(auto const* part, footers_->part(*table, *block, stream));
        if (part != nullptr && part->runs.front().first == node.first) {
            return part->links;
        }
    }
    return misses_runs(node.segment, stream);
}

/// Takes what the segment has of the stream from `cursor.next` on; false if that is nothing.
Result<bool> SealedRuns::read_segment(SegmentNumber segment,
                                      RunCursor& cursor,
                                      RunCollector& into) {
    bool moved = false;
    CAPSTAN_TRY(auto const* table, footers_->table(segment));
    auto block = table->find(cursor.stream, cursor.next);
    while (block && *block < table->blocks()) {
        CAPSTAN_TRY(auto const* part, footers_->part(*table, *block, cursor.stream));
        if (part == nullptr) {
            return moved;
        }
        auto const from = std::ranges::partition_point(
            part->runs, [&](RunEntry const& run) { return run.last() < cursor.next; });
        for (auto run = from; run != part->runs.end(); ++run) {
            if (!into.take(*run, cursor)) {
                return moved;
            }
            moved = true;
        }
        ++*block;
        if (*block < table->blocks() && !table->begins_with(*block, cursor.stream)) {
            return moved;
        }
    }
    return moved;
}

Result<std::optional<RunEntry>> SealedRuns::find_run(RunKey const& key, Seq above) {
    CAPSTAN_TRY(auto const stored, store_.links(std::span(&key.stream, 1)));
    auto node = stored.front().newest();
    auto blocks_left = options_.find_run_blocks_max;
    while (node) {
        CAPSTAN_TRY(auto const* table, footers_->table(node->segment));
        auto block = table->find(key.stream, kSeqMax);
        std::vector<SegmentLink> links;
        for (bool at_first_part = false; !at_first_part;) {
            if (!block) {
                return misses_runs(node->segment, key.stream);
            }
            if (blocks_left-- == 0) {
                return std::optional<RunEntry>();
            }
            CAPSTAN_TRY(auto const* part, footers_->part(*table, *block, key.stream));
            if (part == nullptr) {
                return misses_runs(node->segment, key.stream);
            }
            auto const& runs = part->runs;
            for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
                if (auto const step = match(*run, key, above); step != RunMatch::older) {
                    return step == RunMatch::found ? std::optional(*run) : std::nullopt;
                }
            }
            at_first_part = runs.front().first <= node->first;
            links = part->links;
            block = *block == 0 ? std::nullopt : std::optional(*block - 1);
        }
        node = links.empty() ? std::nullopt : std::optional(links.back());
    }
    return std::optional<RunEntry>();
}

}  // namespace capstan
