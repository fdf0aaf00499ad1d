#include <algorithm>
#include <capstan/sequencer/footer.hpp>
#include <capstan/sequencer/index.hpp>
#include <string>

#include "segment_runs.hpp"

namespace capstan {
namespace {

/// Streams whose links are read in one go: a read transaction of the store stays short.
constexpr std::size_t kLinksAtOnce = 1'024;

void push_if_newer(StreamLinks& links, SegmentLink node) {
    auto const newest = links.newest();
    if (!newest || newest->segment < node.segment) {
        links.push(node);
    }
}

/// Adds a stream with its runs, and notes the segment in its links.
void put_stream(FooterWriter& footer,
                SegmentRuns const& segment,
                StreamNumber stream,
                StreamLinks& links) {
    auto const first = segment.first(stream).value();
    footer.stream(stream, links.next_links());
    segment.visit_from(stream, first, [&](StoredRun const& run) {
        footer.run(segment.entry(stream, run));
        return true;
    });
    links.push({segment.segment(), first});
}

}  // namespace

Result<SealedSegment> FooterJob::run() const {
    if (too_late_) {
        return Error{Errc::index_damaged,
                     "segment " + std::to_string(segment_.value) + " has lost its footer"};
    }
    SealedSegment sealed{segment_, {}, {}};
    auto const first = runs_ == nullptr ? std::nullopt : runs_->first_position();
    FooterWriter footer(segment_, first.value_or(Position{}));
    auto const streams = first ? runs_->streams() : std::vector<StreamNumber>();
    sealed.links.reserve(streams.size());
    for (std::size_t done = 0; done < streams.size(); done += kLinksAtOnce) {
        auto const some =
            std::span(streams).subspan(done, std::min(kLinksAtOnce, streams.size() - done));
        CAPSTAN_TRY(auto stored, store_->links(some));
        for (std::size_t i = 0; i < some.size(); ++i) {
            auto& links = stored[i];
            // The checkpoint that stores these may be under way: they may be in `links` or not.
            for (auto const& older : older_) {
                if (auto const first_there = older->first(some[i])) {
                    push_if_newer(links, {older->segment(), *first_there});
                }
            }
            if (auto const newest = links.newest(); newest && newest->segment >= segment_) {
                return Error{Errc::index_damaged,
                             "links of stream " + std::to_string(some[i].value) + " name segment " +
                                 std::to_string(newest->segment.value)};
            }
            put_stream(footer, *runs_, some[i], links);
            sealed.links.push_back({some[i], std::move(links)});
        }
    }
    sealed.footer = footer.finish();
    return sealed;
}

}  // namespace capstan
