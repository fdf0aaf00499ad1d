#include "repair_losses.hpp"

#include <algorithm>
#include <capstan/sequencer/fold_rows.hpp>
#include <capstan/sequencer/footer.hpp>
#include <utility>

#include "../run_chunk.hpp"
#include "segment_files.hpp"

namespace capstan {
namespace {

constexpr std::size_t kPage = 1'024;

/// A segment that is there or should be, and its positions [first, end).
struct Extent {
    SegmentNumber number;
    std::optional<Position> first;  // nothing: its header can't be read
    Position end;
};

class Inquiry {
  public:
    Inquiry(Storage& journal,
            VerifyReport const& report,
            CheckpointStore const& index,
            std::vector<LostRange> const& lost)
        : journal_(journal), report_(report), index_(index), lost_(lost) {}

    Result<Touched> run() {
        CAPSTAN_TRY(stored_, index_.runs());
        CAPSTAN_TRY(auto const checkpoint, index_.load());
        if (!checkpoint) {
            return Touched{.streams = {}, .known = false};
        }
        CAPSTAN_TRY(auto const extents, read_extents());
        for (auto const& range : lost_) {
            if (range.last > checkpoint->position) {
                // The index was folded before these.
                touched_.known = false;
                return std::move(touched_);
            }
            CAPSTAN_TRY(ask(range, extents));
        }
        return std::move(touched_);
    }

  private:
    Result<std::vector<Extent>> read_extents() {
        CAPSTAN_TRY(auto const names, journal_.list());
        auto const numbers = file_journal::segments_in(names);
        std::vector<Extent> extents;
        for (auto number = numbers.front(); number <= numbers.back(); number = number.next()) {
            extents.push_back({number, {}, {}});
            if (!std::ranges::binary_search(numbers, number)) {
                continue;
            }
            CAPSTAN_TRY(auto const file,
                        journal_.open(file_journal::segment_name(number), OpenMode::read));
            auto const header = file_journal::read_segment_header(*file, number);
            if (header && header.value().lineage == report_.lineage) {
                extents.back().first = header.value().first_position;
            }
        }
        // The next one that tells where it begins tells where this one ends.
        Position end{std::max(report_.last.value, lost_.back().last.value) + 1};
        for (auto extent = extents.rbegin(); extent != extents.rend(); ++extent) {
            extent->end = end;
            end = extent->first.value_or(end);
        }
        return extents;
    }

    Result<> ask(LostRange const& range, std::vector<Extent> const& extents) {
        Position begin{1};
        for (auto const& extent : extents) {
            auto const first = extent.first.value_or(begin);
            if (first <= range.last && extent.end > range.first) {
                CAPSTAN_TRY(ask_segment(range, extent.number));
            }
            begin = extent.end;
        }
        return success();
    }

    Result<> ask_segment(LostRange const& range, SegmentNumber number) {
        if (number > stored_.retired) {
            return ask_chunks(range, number);
        }
        auto const footer = read_footer(journal_, number);
        if (!footer || !footer.value()) {
            return ask_links(range, number);
        }
        auto const parts = decode_footer(footer.value()->bytes);
        if (!parts) {
            return ask_links(range, number);
        }
        for (auto const& part : parts.value()) {
            for (auto const& run : part.runs) {
                CAPSTAN_TRY(take(range, run));
            }
        }
        return success();
    }

    Result<> ask_chunks(LostRange const& range, SegmentNumber number) {
        for (auto const& chunk : stored_.chunks) {
            if (chunk.segment == number) {
                CAPSTAN_TRY(auto const runs, decode_run_chunk(chunk));
                for (auto const& run : runs) {
                    CAPSTAN_TRY(take(range, run));
                }
            }
        }
        return success();
    }

    Result<> take(LostRange const& range, RunEntry const& run) {
        bool const lost = run.position >= range.first && run.position <= range.last;
        return lost ? touch(run.stream, run.position) : success();
    }

    /// A segment whose footer is lost with it: streams that link to it from later ones.
    Result<> ask_links(LostRange const& range, SegmentNumber number) {
        for (auto later = number.next(); later <= stored_.retired; later = later.next()) {
            auto const footer = read_footer(journal_, later);
            if (!footer || !footer.value()) {
                touched_.known = false;
                return success();
            }
            auto const parts = decode_footer(footer.value()->bytes);
            if (!parts) {
                touched_.known = false;
                return success();
            }
            for (auto const& part : parts.value()) {
                CAPSTAN_TRY(touch_linked(range, number, part.stream, part.links));
            }
        }
        return ask_kept_links(range, number);
    }

    Result<> ask_kept_links(LostRange const& range, SegmentNumber number) {
        CAPSTAN_TRY(auto const all, StreamPattern::parse(">"));
        std::string after;
        for (bool more = true; more;) {
            CAPSTAN_TRY(auto const page, index_.list(all, after, kPage));
            std::vector<StreamNumber> streams;
            for (auto const& listing : page.streams) {
                streams.push_back(listing.number);
            }
            CAPSTAN_TRY(auto const links, index_.links(streams));
            for (std::size_t i = 0; i < streams.size(); ++i) {
                CAPSTAN_TRY(touch_linked(range, number, streams[i], links[i].nodes()));
            }
            more = page.resume_after.has_value();
            after = page.resume_after.value_or("");
        }
        return success();
    }

    Result<> touch_linked(LostRange const& range,
                          SegmentNumber number,
                          StreamNumber stream,
                          std::span<SegmentLink const> links) {
        bool const linked = std::ranges::any_of(
            links, [number](SegmentLink const& link) { return link.segment == number; });
        return linked ? touch(stream, range.first) : success();
    }

    Result<> touch(StreamNumber stream, Position position) {
        CAPSTAN_TRY(auto const stored, index_.stream(stream));
        if (!stored) {
            touched_.known = false;
            return success();
        }
        CAPSTAN_TRY(auto row, decode_stream_row(stored->row));
        auto const [at, added] = touched_.streams.try_emplace(std::move(row.name), position);
        at->second = std::min(at->second, position);
        return success();
    }

    Storage& journal_;
    VerifyReport const& report_;
    CheckpointStore const& index_;
    std::vector<LostRange> const& lost_;
    StoredRuns stored_;
    Touched touched_;
};

}  // namespace

std::vector<LostRange> lost_ranges(VerifyReport const& report) {
    std::vector<LostRange> ranges;
    for (auto const& problem : report.problems) {
        if (problem.is_damage() && problem.first.value != 0) {
            ranges.push_back({problem.first, problem.last});
        }
    }
    std::ranges::sort(ranges);
    std::vector<LostRange> joined;
    for (auto const& range : ranges) {
        if (joined.empty() || range.first > joined.back().last.next()) {
            joined.push_back(range);
        } else {
            joined.back().last = std::max(joined.back().last, range.last);
        }
    }
    return joined;
}

Result<Touched> touched_streams(Storage& journal,
                                VerifyReport const& report,
                                CheckpointStore const* index,
                                std::vector<LostRange> const& lost) {
    if (index == nullptr) {
        return Touched{.streams = {}, .known = false};
    }
    auto touched = Inquiry(journal, report, *index, lost).run();
    if (!touched && touched.error().code == Errc::index_damaged) {
        return Touched{.streams = {}, .known = false};
    }
    return touched;
}

}  // namespace capstan
