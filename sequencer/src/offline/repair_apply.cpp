#include <fcntl.h>

#include <algorithm>
#include <capstan/engine/runtime/random.hpp>
#include <capstan/schema/submission.hpp>
#include <capstan/sequencer/rebuild.hpp>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "../file_journal/segment.hpp"
#include "files.hpp"
#include "repair_work.hpp"
#include "segment_files.hpp"

namespace capstan {

namespace fs = std::filesystem;
using file_journal::segment_name;

namespace {

constexpr std::size_t kBatchBytes = 4 * 1'048'576;

}  // namespace

Result<RepairReport> Repair::apply(Random& random) {
    kept_ = directory_ / ("repair.before-" + plan_.hash);
    index_.reset();  // it is opened again, by those who check and replace it
    if (!plan_.actions.empty()) {
        CAPSTAN_TRY(keep_what_changes());
        if (plan_.ends_history()) {
            CAPSTAN_TRY(write_salvaged(random));
            CAPSTAN_TRY(put_salvaged_in_place());
        } else {
            CAPSTAN_TRY(take_segments());
        }
        CAPSTAN_TRY(rebuild_derived(directory_, random, options_.on_bytes));
    }
    RepairReport report{.plan = plan_, .kept = kept_, .after = {}};
    DataCheckOptions const check{.deep = true, .on_bytes = options_.on_bytes};
    CAPSTAN_TRY(report.after, check_data(directory_, check));
    report.as_predicted = report.after.is_sound() && report.after.folded &&
                          report.after.journal.last == plan_.position &&
                          report.after.streams == plan_.streams &&
                          report.after.events == plan_.events;
    return report;
}

/// Copies of all segments that something was found in. (A journal that is written anew stays whole
/// instead.)
Result<> Repair::keep_what_changes() {
    CAPSTAN_TRY(auto const kept, PosixStorage::open_or_create(kept_.string()));
    if (!plan_.ends_history()) {
        std::set<SegmentNumber> segments = taken_;
        for (auto const& problem : found_.problems) {
            segments.insert(problem.segment);
        }
        for (auto const number : segments) {
            auto file = journal_->open(segment_name(number), OpenMode::read);
            if (!file && file.error().code == Errc::not_found) {
                continue;
            }
            CAPSTAN_TRY(auto const opened, std::move(file));
            CAPSTAN_TRY(auto const size, opened->size());
            CAPSTAN_TRY(copy_file(*opened, size, *kept, segment_name(number)));
        }
    }
    return kept->sync();
}

Result<> Repair::take_segments() {
    for (auto const number : taken_) {
        CAPSTAN_TRY(auto const file, overlay_->open(segment_name(number), OpenMode::read));
        CAPSTAN_TRY(auto const size, file->size());
        CAPSTAN_TRY(copy_file(*file, size, *journal_, segment_name(number)));
    }
    return journal_->sync();
}

Result<> Repair::write_salvaged(Random& random) {
    std::error_code error;
    auto const repaired = directory_ / "journal.repaired";
    fs::remove_all(repaired, error);
    if (error) {
        return io_error(repaired, error);
    }
    CAPSTAN_TRY(auto const into, PosixStorage::open_or_create(repaired.string()));
    JournalOptions const options{.partition = sound_part_.partition,
                                 .lineage = sound_part_.lineage};
    CAPSTAN_TRY(auto const opened, FileJournal::open(*into, random, options, {}));
    auto& journal = *opened.journal;
    std::vector<Bytes> batch;
    std::size_t bytes = 0;
    auto const write = [&]() -> Result<> {
        std::vector<ByteView> const views(batch.begin(), batch.end());
        CAPSTAN_TRY(journal.append(views));
        batch.clear();
        bytes = 0;
        return success();
    };
    auto part = salvage();
    CAPSTAN_TRY(part.run([&](Position, ByteView record) -> Result<> {
        batch.emplace_back(record.begin(), record.end());
        bytes += record.size();
        return bytes < kBatchBytes ? success() : write();
    }));
    batch.push_back(encode_restore(Lineage{random.next() | 1}, sound_part_.partition));
    CAPSTAN_TRY(write());
    CAPSTAN_TRY(journal.flush());
    return journal.mark_idle();
}

/// The old index and journal move aside as they are. The two journals change places at once, so
/// that there is always one: without its index the old one starts, or refuses to, as it would have.
Result<> Repair::put_salvaged_in_place() {
    std::error_code error;
    auto const journal = journal_of(directory_);
    auto const index = index_of(directory_);
    if (fs::exists(index, error)) {
        fs::rename(index, kept_ / "index", error);
    }
    auto const repaired = directory_ / "journal.repaired";
    bool const changed =
        !error &&
        ::renameat2(AT_FDCWD, repaired.c_str(), AT_FDCWD, journal.c_str(), RENAME_EXCHANGE) == 0;
    if (!error && !changed) {
        error = std::error_code(errno, std::generic_category());
    }
    if (!error) {
        fs::rename(repaired, kept_ / "journal", error);
    }
    if (error) {
        return io_error(journal, error);
    }
    CAPSTAN_TRY(auto const data, PosixStorage::open(directory_.string()));
    return data->sync();
}

Result<RepairPlan> plan_repair(fs::path const& directory, RepairOptions const& options) {
    return Repair(directory, options).plan();
}

Result<RepairReport> apply_repair(fs::path const& directory,
                                  RepairOptions const& options,
                                  std::string const& hash,
                                  Random& random) {
    Repair repair(directory, options);
    CAPSTAN_TRY(auto const plan, repair.plan());
    if (plan.hash != hash) {
        return Error{Errc::position_conflict, "the plan is " + plan.hash + " by now, not " + hash};
    }
    return repair.apply(random);
}

bool RepairPlan::ends_history() const {
    return std::ranges::any_of(
        actions, [](auto const& action) { return action.kind == RepairKind::end_history; });
}

std::string_view to_string(RepairKind kind) {
    switch (kind) {
        case RepairKind::cut_tail:
            return "cut_tail";
        case RepairKind::take_from_backup:
            return "take_from_backup";
        case RepairKind::give_up:
            return "give_up";
        case RepairKind::end_history:
            return "end_history";
        case RepairKind::rebuild_derived:
            return "rebuild_derived";
    }
    CAPSTAN_INVARIANT(false, "repair kind");
}

std::string to_string(RepairAction const& action) {
    std::string text(to_string(action.kind));
    if (action.segment.value != 0) {
        text += ": " + file_journal::place_text(action.segment, action.offset);
    }
    if (action.first.value != 0) {
        text += ": " + file_journal::positions_text(action.first, action.last);
    }
    return text + ": " + action.detail;
}

}  // namespace capstan
