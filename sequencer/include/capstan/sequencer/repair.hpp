#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/sequencer/data_check.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Repairing a data directory that nobody serves. Planning changes nothing; applying needs the
/// plan's hash, so that what was agreed on is what is done, and keeps what it changes.
namespace capstan {

class Random;

enum class RepairKind : std::uint8_t {
    cut_tail,          // what was never acknowledged, as a start of the server does
    take_from_backup,  // a segment's bytes, instead of those that are damaged or missing
    give_up,           // acknowledged positions that are nowhere any more
    end_history,       // a restore record: every generation ends, devices are told what is lost
    rebuild_derived,   // footers and index
};
std::string_view to_string(RepairKind kind);

struct RepairAction {
    RepairKind kind = RepairKind::rebuild_derived;
    SegmentNumber segment;  // 0: none
    Offset offset;
    Position first;  // 0: none
    Position last;
    std::string detail;
};
std::string to_string(RepairAction const& action);

/// What a stream loses: the seqs behind `kept`. Those up to `last` were sequenced as the index
/// knows; `later` are runs behind its last checkpoint, whose seqs nothing tells.
struct StreamLoss {
    std::string stream;
    Seq kept;
    Seq last;
    std::uint64_t later = 0;
    friend bool operator==(StreamLoss const&, StreamLoss const&) = default;
};

/// Predictions hold for the directory as it was planned for.
struct RepairPlan {
    std::vector<RepairAction>
        actions;                     // in the order in which they are taken; empty: nothing to do
    std::vector<StreamLoss> losses;  // by name
    /// Nothing tells what the lost positions held, so nothing behind them could be kept.
    bool all_behind_lost = false;
    Position position;          // the journal's last one afterwards
    std::uint64_t streams = 0;  // afterwards
    std::uint64_t events = 0;
    std::string hash;  // of all this and of what was found: 16 hex digits

    bool ends_history() const;
};

struct RepairOptions {
    std::optional<std::filesystem::path> backups;  // where good bytes may be
    OnBytes on_bytes;
};

/// Looks at everything (a deep check) and lists what would be done. Streams that lost positions do
/// not touch keep all their events with their seqs. A stream that they touch ends before them: what
/// it has behind is set aside with the old journal, since no seq is ever given to another event.
/// Errors: `format_unknown` (a newer build is needed), `trimmed`, those of `check_data`.
Result<RepairPlan> plan_repair(std::filesystem::path const& directory,
                               RepairOptions const& options);

struct RepairReport {
    RepairPlan plan;
    std::filesystem::path kept;  // what was changed, as it was before
    DataReport after;
    bool as_predicted = false;  // sound, and position, streams and events came out as planned
};

/// Plans again, and applies the plan if it has this hash. What is changed is kept first, in
/// `repair.before-HASH` beside it. Precondition: the caller holds the directory's lock.
/// Errors: `position_conflict` (the plan has another hash: look at it again), `journal_locked`, as
/// `plan_repair`, `storage_full`, `disk_io`.
Result<RepairReport> apply_repair(std::filesystem::path const& directory,
                                  RepairOptions const& options,
                                  std::string const& hash,
                                  Random& random);

}  // namespace capstan
