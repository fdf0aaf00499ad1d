#include <algorithm>
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/sequencer/cluster_mark.hpp>
#include <capstan/sequencer/data_check.hpp>
#include <capstan/sequencer/derivation.hpp>
#include <capstan/sequencer/fold_rows.hpp>
#include <capstan/sequencer/lmdb_checkpoint_store.hpp>
#include <utility>

#include "../file_journal/segment.hpp"
#include "index_compare.hpp"
#include "scratch.hpp"
#include "segment_files.hpp"

namespace capstan {
namespace {

namespace fs = std::filesystem;

/// One verification. The index is read before the journal: beside a server that writes, the journal
/// is then at least as new.
class DataCheck {
  public:
    DataCheck(fs::path const& directory, DataCheckOptions const& options)
        : directory_(directory), options_(options) {}
    Result<DataReport> run();

  private:
    Result<> read_index();
    Result<> open_index();
    void judge_index();
    Result<> verify();
    Result<> prepare_fold();
    Result<Visit> take(StoredSubmission const& submission);
    Result<> take(FrameExtent const& frame);
    Result<> compare_footer(SegmentNumber segment, ByteView footer);
    Result<> compare_index(SegmentNumber open);
    Result<> finish_fold();
    void take_journal_problems();
    void index_problem(std::string fault, std::string detail);

    fs::path const& directory_;
    DataCheckOptions const& options_;
    DataReport report_;
    std::unique_ptr<PosixStorage> journal_;
    SegmentBytes sizes_;
    std::unique_ptr<LmdbCheckpointStore> index_;
    std::optional<Hash128> chain_at_checkpoint_;  // as the journal says
    bool is_tape_ = false;  // of a cluster: its files have a lineage of their own

    std::optional<ScratchStore> scratch_;
    std::optional<Derivation> derivation_;
    std::optional<Error> unfoldable_;
    SegmentNumber last_segment_;
};

Result<DataReport> DataCheck::run() {
    report_.deep = options_.deep;
    CAPSTAN_TRY(auto const data, PosixStorage::open(directory_.string()));
    CAPSTAN_TRY(auto const mark, read_cluster_mark(*data));
    is_tape_ = mark.has_value();
    CAPSTAN_TRY(journal_, PosixStorage::open(journal_of(directory_).string()));
    CAPSTAN_TRY(sizes_, SegmentBytes::of(*journal_));
    CAPSTAN_TRY(read_index());
    if (options_.deep) {
        CAPSTAN_TRY(prepare_fold());
    }
    CAPSTAN_TRY(verify());
    take_journal_problems();
    judge_index();
    if (options_.deep) {
        CAPSTAN_TRY(finish_fold());
    }
    return std::move(report_);
}

/// Damage is a finding: the index is derived, but somebody should know.
Result<> DataCheck::read_index() {
    std::error_code ignored;
    if (!fs::exists(index_of(directory_) / "data.mdb", ignored)) {
        return success();
    }
    auto const opened = open_index();
    if (!opened && opened.error().code == Errc::index_damaged) {
        index_.reset();
        report_.checkpoint.reset();
        index_problem("index_damaged", opened.error().detail);
        return success();
    }
    return opened;
}

Result<> DataCheck::open_index() {
    CAPSTAN_TRY(index_, LmdbCheckpointStore::open({.directory = index_of(directory_)}));
    CAPSTAN_TRY(report_.checkpoint, index_->load());
    CAPSTAN_TRY(auto const runs, index_->runs());
    report_.retired = runs.retired;
    CAPSTAN_TRY(index_->verify());
    return success();
}

Result<> DataCheck::prepare_fold() {
    CAPSTAN_TRY(auto scratch, ScratchStore::make());
    scratch_.emplace(std::move(scratch));
    derivation_.emplace(scratch_->store(), [this](SegmentNumber segment, ByteView footer) {
        return compare_footer(segment, footer);
    });
    return success();
}

Result<> DataCheck::verify() {
    VerifyHooks hooks;
    hooks.frame = [this](FrameExtent const& frame) { return take(frame); };
    if (options_.deep) {
        hooks.submission = [this](StoredSubmission const& submission) { return take(submission); };
    }
    CAPSTAN_TRY(report_.journal, verify_journal(*journal_, hooks));
    return success();
}

Result<> DataCheck::take(FrameExtent const& frame) {
    last_segment_ = frame.segment;
    if (report_.checkpoint && frame.last == report_.checkpoint->position) {
        chain_at_checkpoint_ = frame.chain;
    }
    return options_.on_bytes
               ? options_.on_bytes(
                     sizes_.through(frame.segment, Offset{frame.offset.value + frame.bytes}),
                     sizes_.total())
               : success();
}

Result<Visit> DataCheck::take(StoredSubmission const& submission) {
    auto const added = derivation_->add(submission);
    bool const unfoldable = !added && (added.error().code == Errc::format_unknown ||
                                       added.error().code == Errc::trimmed);
    if (unfoldable) {
        unfoldable_ = added.error();
        return Visit::stop;
    }
    CAPSTAN_TRY(added);
    if (report_.checkpoint && submission.position == report_.checkpoint->position) {
        CAPSTAN_TRY(compare_index(submission.segment));
    }
    return Visit::next;
}

Result<> DataCheck::compare_footer(SegmentNumber segment, ByteView footer) {
    CAPSTAN_TRY(auto const stored, read_footer(*journal_, segment));
    if (stored && !std::ranges::equal(stored->bytes, footer)) {
        report_.problems.push_back({.part = DataPart::footer,
                                    .severity = Severity::derived,
                                    .fault = "footer_differs",
                                    .segment = segment,
                                    .offset = stored->frame,
                                    .first = {},
                                    .last = {},
                                    .detail = "it is not what the journal gives"});
    }
    return success();
}

/// The fold stands at the checkpoint's position.
Result<> DataCheck::compare_index(SegmentNumber open) {
    auto const& checkpoint = *report_.checkpoint;
    if (checkpoint.state_hash != derivation_->state_hash()) {
        index_problem("index_differs", "its state hash is not what the journal gives");
        return success();
    }
    CAPSTAN_TRY(derivation_->finish(open));
    CAPSTAN_TRY(auto const differences, compare_stores(scratch_->store(), *index_));
    // A server that went on since the checkpoint was read has other rows by now.
    CAPSTAN_TRY(auto const now, index_->load());
    if (now == report_.checkpoint) {
        for (auto const& difference : differences) {
            index_problem("index_differs", difference);
        }
    }
    return success();
}

Result<> DataCheck::finish_fold() {
    bool const all = !unfoldable_ && derivation_->position() == report_.journal.last &&
                     report_.journal.is_sound();
    if (all) {
        CAPSTAN_TRY(derivation_->finish(last_segment_));
        report_.state_hash = derivation_->state_hash();
    }
    report_.folded = all;
    report_.streams = derivation_->streams();
    report_.events = derivation_->events();
    report_.malformed = derivation_->malformed();
    if (unfoldable_ && unfoldable_->code == Errc::format_unknown) {
        report_.problems.push_back({.part = DataPart::journal,
                                    .severity = Severity::damage,
                                    .fault = "fold_stopped",
                                    .segment = last_segment_,
                                    .offset = {},
                                    .first = derivation_->position().next(),
                                    .last = derivation_->position().next(),
                                    .detail = unfoldable_->detail});
    }
    return success();
}

void DataCheck::take_journal_problems() {
    for (auto const& found : report_.journal.problems) {
        bool const footer = found.fault == JournalFault::footer_missing;
        // The next start makes the footers of segments that ended last; no one those before.
        auto const severity = found.is_damage()                            ? Severity::damage
                              : footer && found.segment <= report_.retired ? Severity::derived
                                                                           : Severity::harmless;
        report_.problems.push_back({.part = footer ? DataPart::footer : DataPart::journal,
                                    .severity = severity,
                                    .fault = std::string(to_string(found.fault)),
                                    .segment = found.segment,
                                    .offset = found.offset,
                                    .first = found.first,
                                    .last = found.last,
                                    .detail = found.detail});
    }
}

/// Whether the checkpoint is a place of this journal.
void DataCheck::judge_index() {
    if (!report_.checkpoint) {
        return;
    }
    auto const& checkpoint = *report_.checkpoint;
    auto const row = decode_partition_row(checkpoint.partition_row);
    if (!row) {
        index_problem("index_damaged", row.error().detail);
        return;
    }
    bool const foreign = row.value().lineages.empty() ||
                         (!is_tape_ && row.value().lineages.front() != report_.journal.lineage) ||
                         row.value().number != report_.journal.partition;
    if (foreign) {
        index_problem("index_foreign", "it was made from another journal");
    } else if (checkpoint.position > report_.journal.last && report_.journal.is_sound()) {
        report_.problems.push_back({.part = DataPart::journal,
                                    .severity = Severity::damage,
                                    .fault = "journal_behind_index",
                                    .segment = last_segment_,
                                    .offset = {},
                                    .first = report_.journal.last.next(),
                                    .last = checkpoint.position,
                                    .detail = "the index was folded from these positions, and the "
                                              "journal does not hold them"});
    } else if (chain_at_checkpoint_ && *chain_at_checkpoint_ != checkpoint.chain) {
        index_problem("index_foreign",
                      "its submission chain is not the journal's at position " +
                          std::to_string(checkpoint.position.value));
    }
}

void DataCheck::index_problem(std::string fault, std::string detail) {
    auto const position = report_.checkpoint ? report_.checkpoint->position : Position{};
    report_.problems.push_back({.part = DataPart::index,
                                .severity = Severity::derived,
                                .fault = std::move(fault),
                                .segment = {},
                                .offset = {},
                                .first = {},
                                .last = position,
                                .detail = std::move(detail)});
}

}  // namespace

Result<DataReport> check_data(fs::path const& directory, DataCheckOptions const& options) {
    return DataCheck(directory, options).run();
}

fs::path journal_of(fs::path const& directory) {
    return directory / "journal";
}

fs::path index_of(fs::path const& directory) {
    return directory / "index";
}

bool DataReport::is_sound() const {
    return std::ranges::all_of(problems, [](DataProblem const& problem) {
        return problem.severity == Severity::harmless;
    });
}

std::string_view to_string(DataPart part) {
    switch (part) {
        case DataPart::journal:
            return "journal";
        case DataPart::footer:
            return "footer";
        case DataPart::index:
            return "index";
    }
    CAPSTAN_INVARIANT(false, "data part");
}

std::string_view to_string(Severity severity) {
    switch (severity) {
        case Severity::harmless:
            return "harmless";
        case Severity::derived:
            return "derived";
        case Severity::damage:
            return "damage";
    }
    CAPSTAN_INVARIANT(false, "severity");
}

std::string to_string(DataProblem const& problem) {
    auto text = std::string(to_string(problem.part)) + ": " + problem.fault;
    if (problem.segment.value != 0) {
        text += ": " + file_journal::place_text(problem.segment, problem.offset);
    }
    if (problem.first.value != 0) {
        text += ", " + file_journal::positions_text(problem.first, problem.last);
    }
    return text + ": " + problem.detail;
}

}  // namespace capstan
