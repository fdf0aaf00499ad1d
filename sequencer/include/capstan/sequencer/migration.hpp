#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/sequencer/cluster_mark.hpp>
#include <capstan/sequencer/data_check.hpp>
#include <capstan/sequencer/shared_log.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

/// Moving a journal: from a data directory to the shared log of a cluster, and back. The
/// submissions stay the same, and so do all that is folded from them: seqs, cursors, dots,
/// generations, positions.
namespace capstan {

class Random;

/// Opens the log. `handle` names its appends; drawn if there is none.
using OpenLogAs = std::function<Result<std::unique_ptr<SharedLog>>(
    LogOffset from, LogWake wake, std::optional<std::uint64_t> handle)>;

struct MigrationOptions {
    OpenLogAs open_log;  // nothing, of a dry run: there is no log yet
    ClusterMark mark;    // which cluster the log is of
    bool dry_run = false;
    Duration patience = std::chrono::seconds(30);  // with a log that says nothing
    OnBytes on_bytes;
};

struct MigrationReport {
    Position found;     // of the last submission that the target had before
    Position position;  // of the last one that it has now; of a dry run: that it would have
    Hash128 chain;      // there
    std::uint64_t state_hash = 0;
    std::uint64_t streams = 0;
    std::uint64_t events = 0;
    bool switched = false;  // the move is complete
};

/// Copies a data directory's journal to the log, record by record, reads all of it back as a node
/// would, and compares chain and state with the journal and with the directory's index. Then it
/// ends the copying with a beacon and marks the directory as one of the cluster, which no server
/// without it will open any more; a node of the cluster may go on with it.
///
/// Beside a running server it copies the segments that are closed, and does not switch: what is
/// left takes little time once the server has stopped. It may be killed at any moment; the same
/// call goes on. A directory that was moved already is left alone. Errors: `journal_foreign` (the
/// log holds something else), `journal_corrupt`, `index_damaged` (the server had another state than
/// the journal gives), `trimmed` (the journal's beginning is gone), `unavailable` (the log),
/// `format_unknown`, `storage_full`, `disk_io`, those of `open_log` and `on_bytes`.
Result<MigrationReport> migrate_to_log(std::filesystem::path const& directory,
                                       MigrationOptions const& options);

/// Makes a data directory from the log, ready to serve, and ends the log: its last record says to
/// all nodes, also to those that come later, that the journal was moved away. What they had
/// answered until then is in the directory; what comes behind it was never answered. `directory`
/// must not exist; it appears whole, under its name, at the end. A dry run folds what is there and
/// ends nothing. It may be killed at any moment; the same call goes on. Errors: `config_invalid`
/// (the directory exists), `trimmed` (the log has lost its beginning), `not_found` (the log holds
/// no journal), `journal_diverged` (an earlier try copied another log), else as above.
Result<MigrationReport> migrate_from_log(std::filesystem::path const& directory,
                                         MigrationOptions const& options,
                                         Random& random);

}  // namespace capstan
