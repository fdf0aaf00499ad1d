#include <algorithm>
#include <capstan/schema/hash.hpp>
#include <cstdio>
#include <limits>
#include <utility>

#include "repair_work.hpp"
#include "segment_files.hpp"

namespace capstan {
namespace {

constexpr std::size_t kPage = 1'024;
constexpr std::size_t kRoundsMax = 8;

/// Hands over the stored row of each stream. Errors: of the store, of `take`.
Result<> each_row(CheckpointStore const& index,
                  std::function<Result<>(StreamRow const& row)> const& take) {
    CAPSTAN_TRY(auto const all, StreamPattern::parse(">"));
    std::string after;
    for (bool more = true; more;) {
        CAPSTAN_TRY(auto const page, index.list(all, after, kPage));
        for (auto const& listing : page.streams) {
            CAPSTAN_TRY(auto const stored, index.stream(listing.number));
            if (stored) {
                CAPSTAN_TRY(auto const row, decode_stream_row(stored->row));
                CAPSTAN_TRY(take(row));
            }
        }
        more = page.resume_after.has_value();
        after = page.resume_after.value_or("");
    }
    return success();
}

bool same_history(StreamRow const& row, StreamRow const* other) {
    return other == nullptr ? !row.exists()
                            : other->head == row.head && other->chain == row.chain &&
                                  other->lifecycle == row.lifecycle;
}

}  // namespace

Result<RepairPlan> Repair::plan() {
    DataCheckOptions const check{.deep = true, .on_bytes = options_.on_bytes};
    CAPSTAN_TRY(found_, check_data(directory_, check));
    CAPSTAN_TRY(refuse_newer());
    CAPSTAN_TRY(open());
    CAPSTAN_TRY(look_at_backup());
    CAPSTAN_TRY(read_overlay());
    lost_ = lost_ranges(sound_part_);
    bool const behind_index = checkpoint_ && checkpoint_->position > sound_part_.last;
    if (!lost_.empty() || behind_index) {
        CAPSTAN_TRY(plan_loss());
    } else {
        CAPSTAN_TRY(plan_in_place());
    }
    finish_plan();
    return plan_;
}

Result<> Repair::refuse_newer() const {
    for (auto const& problem : found_.problems) {
        if (problem.fault == "format_unknown" || problem.fault == "fold_stopped") {
            return Error{Errc::format_unknown, to_string(problem)};
        }
    }
    return success();
}

Result<> Repair::open() {
    CAPSTAN_TRY(journal_, PosixStorage::open(journal_of(directory_).string()));
    overlay_ = std::make_unique<OverlayStorage>(*journal_);
    bool const of_no_use = std::ranges::any_of(found_.problems, [](DataProblem const& problem) {
        return problem.fault == "index_damaged" || problem.fault == "index_foreign" ||
               problem.fault == "index_differs";
    });
    if (found_.checkpoint && !of_no_use) {
        CAPSTAN_TRY(index_, LmdbCheckpointStore::open({.directory = index_of(directory_)}));
        checkpoint_ = found_.checkpoint;
    }
    return success();
}

/// Segments that damage was found in, and those that are missing between or behind the others.
std::set<SegmentNumber> Repair::damaged_segments(std::set<SegmentNumber> const& there) const {
    std::set<SegmentNumber> damaged;
    for (auto const& problem : found_.problems) {
        if (problem.severity == Severity::damage) {
            damaged.insert(problem.segment);
        }
        if (problem.fault == "journal_behind_index") {
            damaged.insert(problem.segment.next());
        }
    }
    for (auto number = SegmentNumber{1}; !there.empty() && number < *there.rbegin();
         number = number.next()) {
        if (!there.contains(number)) {
            damaged.insert(number);
        }
    }
    return damaged;
}

Result<> Repair::look_at_backup() {
    if (!options_.backups || found_.is_sound()) {
        return success();
    }
    CAPSTAN_TRY(auto manifest, find_backup(*options_.backups, {}));
    if (manifest.lineage != found_.journal.lineage ||
        manifest.partition != found_.journal.partition) {
        return Error{Errc::journal_foreign,
                     options_.backups->string() + " holds backups of another journal"};
    }
    CAPSTAN_TRY(auto const names, journal_->list());
    auto const numbers = file_journal::segments_in(names);
    auto const damaged = damaged_segments({numbers.begin(), numbers.end()});
    backup_ = std::make_unique<BackupStorage>(*options_.backups, std::move(manifest));
    CAPSTAN_TRY(auto const stored, backup_->list());
    for (auto const number : file_journal::segments_in(stored)) {
        if (damaged.contains(number)) {
            overlay_->take(*backup_, number);
            taken_.insert(number);
        }
    }
    return success();
}

Result<> Repair::read_overlay() {
    VerifyHooks hooks;
    hooks.frame = [this](FrameExtent const& frame) -> Result<> {
        frames_.push_back(frame);
        return success();
    };
    CAPSTAN_TRY(sound_part_, verify_journal(*overlay_, hooks));
    for (auto const number : taken_) {
        add({.kind = RepairKind::take_from_backup,
             .segment = number,
             .offset = {},
             .first = {},
             .last = {},
             .detail = "its bytes in " + backup_->describe()});
    }
    return success();
}

// ---- nothing acknowledged is lost

Result<> Repair::plan_in_place() {
    for (auto const& problem : sound_part_.problems) {
        if (problem.fault == JournalFault::torn_tail) {
            add({.kind = RepairKind::cut_tail,
                 .segment = problem.segment,
                 .offset = problem.offset,
                 .first = problem.first,
                 .last = problem.last,
                 .detail = "never acknowledged"});
        }
    }
    bool const derived = std::ranges::any_of(found_.problems, [](DataProblem const& problem) {
        return problem.severity == Severity::derived;
    });
    if (!plan_.actions.empty() || derived) {
        add_rebuild();
    }
    PlainFold fold;
    CAPSTAN_TRY(auto const report,
                verify_journal(*overlay_, [&fold](StoredSubmission const& one) -> Result<Visit> {
                    CAPSTAN_TRY(fold.add(one.bytes));
                    return Visit::next;
                }));
    plan_.position = report.last;
    plan_.streams = fold.streams().size();
    plan_.events = fold.events();
    return success();
}

// ---- something is

Result<> Repair::plan_loss() {
    CAPSTAN_TRY(find_touched());
    PlainFold fold;
    for (std::size_t round = 0;; ++round) {
        fold = PlainFold();
        CAPSTAN_TRY(auto const agrees, predict(fold));
        if (agrees) {
            break;
        }
        // What was lost had effects beyond the runs that the index names.
        touched_.known = touched_.known && round < kRoundsMax;
    }
    plan_.all_behind_lost = !touched_.known;
    for (auto const& range : lost_) {
        add({.kind = RepairKind::give_up,
             .segment = {},
             .offset = {},
             .first = range.first,
             .last = range.last,
             .detail = touched_.known ? "they are nowhere any more"
                                      : "they are nowhere any more, and nothing tells what they "
                                        "held: all behind them is set aside"});
    }
    auto const end = salvage().end().next();
    add({.kind = RepairKind::end_history,
         .segment = {},
         .offset = {},
         .first = end,
         .last = end,
         .detail = "a restore record: every stream's generation ends at its head"});
    add_rebuild();
    plan_.position = end;
    plan_.streams = fold.streams().size();
    plan_.events = fold.events();
    return name_losses(fold);
}

Result<> Repair::find_touched() {
    bool const behind_index = checkpoint_ && checkpoint_->position > sound_part_.last;
    if (!lost_.empty()) {
        CAPSTAN_TRY(touched_, touched_streams(*overlay_, sound_part_, index_.get(), lost_));
    }
    if (behind_index) {
        auto const first = sound_part_.last.next();
        lost_.push_back({first, checkpoint_->position});
        CAPSTAN_TRY(
            auto const changes,
            index_->changed_after(sound_part_.last, std::numeric_limits<std::size_t>::max()));
        for (auto const& change : changes) {
            CAPSTAN_TRY(auto const stored, index_->stream(change.stream));
            if (stored) {
                CAPSTAN_TRY(auto row, decode_stream_row(stored->row));
                touched_.streams.try_emplace(std::move(row.name), first);
            }
        }
    }
    return success();
}

/// Folds what would be left. False: a stream came out otherwise than the index says, and counts as
/// touched from here on.
Result<bool> Repair::predict(PlainFold& fold) {
    bool agrees = true;
    auto part = salvage();
    CAPSTAN_TRY(part.run([&](Position position, ByteView record) -> Result<> {
        CAPSTAN_TRY(fold.add(record));
        if (touched_.known && checkpoint_ && position == checkpoint_->position) {
            CAPSTAN_TRY(agrees, agrees_with_index(fold));
        }
        return success();
    }));
    return agrees;
}

Result<bool> Repair::agrees_with_index(PlainFold const& fold) {
    bool agrees = true;
    CAPSTAN_TRY(each_row(*index_, [&](StreamRow const& row) -> Result<> {
        if (!same_history(row, fold.find(row.name)) && !touched_.streams.contains(row.name)) {
            agrees = false;
            touched_.streams.emplace(row.name, lost_.front().first);
        }
        return success();
    }));
    return agrees;
}

/// What the index knows of each stream's head, and runs that are set aside behind that.
Result<> Repair::name_losses(PlainFold const& fold) {
    std::map<std::string, StreamLoss, std::less<>> losses;
    auto const loss_of = [&](std::string const& name) -> StreamLoss& {
        auto const [at, added] = losses.try_emplace(name);
        if (added) {
            auto const* row = fold.find(name);
            at->second.stream = name;
            at->second.kept = row == nullptr ? Seq{} : row->head;
            at->second.last = at->second.kept;
        }
        return at->second;
    };
    if (index_ != nullptr) {
        CAPSTAN_TRY(each_row(*index_, [&](StreamRow const& row) -> Result<> {
            auto const* left = fold.find(row.name);
            if (row.head > (left == nullptr ? Seq{} : left->head)) {
                loss_of(row.name).last = row.head;
            }
            return success();
        }));
    }
    auto part = salvage();
    auto const checkpointed = checkpoint_ ? checkpoint_->position : Position{};
    CAPSTAN_TRY(part.run([](Position, ByteView) -> Result<> { return success(); },
                         [&](Position position, ByteView record) {
                             auto const view = SubmissionView::decode(record);
                             bool const unknown = position > checkpointed && view &&
                                                  view.value().kind == SubmissionKind::append;
                             if (unknown) {
                                 ++loss_of(std::string(view.value().stream)).later;
                             }
                         }));
    for (auto& [name, loss] : losses) {
        plan_.losses.push_back(std::move(loss));
    }
    return success();
}

void Repair::finish_plan() {
    std::string text = directory_.string() + "\n" + to_string(sound_part_.chain) + " " +
                       std::to_string(sound_part_.last.value) + "\n";
    for (auto const& problem : found_.problems) {
        text += to_string(problem) + "\n";
    }
    for (auto const& action : plan_.actions) {
        text += to_string(action) + "\n";
    }
    for (auto const& loss : plan_.losses) {
        text += loss.stream + " " + std::to_string(loss.kept.value) + " " +
                std::to_string(loss.last.value) + " " + std::to_string(loss.later) + "\n";
    }
    char hex[17];
    std::snprintf(
        hex, sizeof hex, "%016llx", static_cast<unsigned long long>(hash64(as_bytes(text))));
    plan_.hash = hex;
}

}  // namespace capstan
