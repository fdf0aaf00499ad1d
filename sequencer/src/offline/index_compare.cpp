#include "index_compare.hpp"

#include <algorithm>
#include <utility>

#include "../run_chunk.hpp"

namespace capstan {
namespace {

constexpr std::size_t kPage = 1'024;
constexpr std::size_t kNotesMax = 10;

class Comparison {
  public:
    Comparison(CheckpointStore const& truth, CheckpointStore const& kept)
        : truth_(truth), kept_(kept) {}

    Result<std::vector<std::string>> run() {
        CAPSTAN_TRY(auto const true_runs, truth_.runs());
        CAPSTAN_TRY(auto const kept_runs, kept_.runs());
        // A server seals a segment some time after its end; until then its links are older.
        bool const same_links = true_runs.retired == kept_runs.retired;
        CAPSTAN_TRY(compare_streams(same_links));
        CAPSTAN_TRY(compare_runs(true_runs, kept_runs));
        return std::move(notes_);
    }

  private:
    Result<> compare_streams(bool same_links) {
        CAPSTAN_TRY(auto const all, StreamPattern::parse(">"));
        std::string after;
        for (bool more = true; more;) {
            CAPSTAN_TRY(auto const true_page, truth_.list(all, after, kPage));
            CAPSTAN_TRY(auto const kept_page, kept_.list(all, after, kPage));
            if (true_page.streams != kept_page.streams) {
                note("names of streams differ behind '" + after + "'");
                return success();
            }
            CAPSTAN_TRY(compare_page(true_page, same_links));
            more = true_page.resume_after.has_value();
            after = true_page.resume_after.value_or("");
        }
        return success();
    }

    Result<> compare_page(StreamPage const& page, bool same_links) {
        std::vector<StreamNumber> numbers;
        for (auto const& listing : page.streams) {
            numbers.push_back(listing.number);
            CAPSTAN_TRY(auto const true_row, truth_.stream(listing.number));
            CAPSTAN_TRY(auto const kept_row, kept_.stream(listing.number));
            if (true_row != kept_row) {
                note("the row of " + listing.name + " is not what the journal gives");
            }
        }
        if (!same_links || numbers.empty()) {
            return success();
        }
        CAPSTAN_TRY(auto const true_links, truth_.links(numbers));
        CAPSTAN_TRY(auto const kept_links, kept_.links(numbers));
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            if (true_links[i] != kept_links[i]) {
                note("the links of " + page.streams[i].name + " are not what the journal gives");
            }
        }
        return success();
    }

    Result<> compare_runs(StoredRuns const& true_runs, StoredRuns const& kept_runs) {
        auto const retired = std::max(true_runs.retired, kept_runs.retired);
        CAPSTAN_TRY(auto const true_entries, entries(true_runs, retired));
        CAPSTAN_TRY(auto const kept_entries, entries(kept_runs, retired));
        if (true_entries != kept_entries) {
            note("the runs of segments that are not sealed are not what the journal gives");
        }
        return success();
    }

    static Result<std::vector<RunEntry>> entries(StoredRuns const& runs, SegmentNumber retired) {
        std::vector<RunEntry> all;
        for (auto const& chunk : runs.chunks) {
            if (chunk.segment > retired) {
                CAPSTAN_TRY(auto const some, decode_run_chunk(chunk));
                all.insert(all.end(), some.begin(), some.end());
            }
        }
        return all;
    }

    void note(std::string text) {
        if (notes_.size() < kNotesMax) {
            notes_.push_back(std::move(text));
        }
    }

    CheckpointStore const& truth_;
    CheckpointStore const& kept_;
    std::vector<std::string> notes_;
};

}  // namespace

Result<std::vector<std::string>> compare_stores(CheckpointStore const& truth,
                                                CheckpointStore const& kept) {
    return Comparison(truth, kept).run();
}

}  // namespace capstan
