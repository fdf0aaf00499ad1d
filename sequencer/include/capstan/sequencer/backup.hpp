#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/sequencer/data_check.hpp>
#include <capstan/sequencer/journal.hpp>
#include <capstan/sequencer/read_only_storage.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// Backups of a journal in a directory of their own:
///
///   pieces/0000000003-0000004096-0000073728   bytes [4096, 73728) of segment 3
///   backup-000001, backup-000002, …           manifests: which pieces make the journal up to where
///
/// What is durable in a journal never changes, so a backup takes only what came since the one
/// before, and names the older pieces again: each manifest is whole in itself. Footers and index
/// are derived and not taken. Manifests are text; source: docs/on-disk-format.md, "Backup".
namespace capstan {

class Random;

struct BackupPiece {
    SegmentNumber segment;
    std::uint64_t from = 0;  // bytes [from, to) of the segment
    std::uint64_t to = 0;
    Hash128 hash;  // of them

    std::string name() const;
    std::uint64_t bytes() const { return to - from; }
    friend bool operator==(BackupPiece const&, BackupPiece const&) = default;
};

struct BackupManifest {
    std::uint32_t number = 0;  // 1, 2, 3, … in its directory
    WallTime created;
    std::uint32_t partition = 0;
    Lineage lineage;
    JournalPlace end;  // behind the last submission in it
    std::uint64_t bytes_added = 0;
    std::vector<BackupPiece> pieces;  // by (segment, from), without gaps inside a segment

    std::uint64_t bytes() const;
};
std::string encode(BackupManifest const& manifest);
/// Errors: `malformed`, `format_unknown`.
Result<BackupManifest> decode_backup_manifest(std::string_view text);

/// All of a directory, by number. Errors: `not_found` (no such directory), `malformed` (names the
/// manifest), `disk_io`.
Result<std::vector<BackupManifest>> list_backups(std::filesystem::path const& backups);
/// The one with this number, or the newest. Errors: `not_found`, as `list_backups`.
Result<BackupManifest> find_backup(std::filesystem::path const& backups,
                                   std::optional<std::uint32_t> number);

/// Takes what came since the newest backup in the directory, which is made if it isn't there. It
/// may run beside the server that writes: the backup ends at a position that the journal's own
/// bytes declare durable. Every frame is checked on the way. After a crash the same call goes on:
/// pieces that are whole are not written again. Errors: `journal_corrupt`, `journal_foreign` (the
/// backups are of another journal, or of another history of this one), `storage_full`, `disk_io`.
Result<BackupManifest> create_backup(std::filesystem::path const& directory,
                                     std::filesystem::path const& backups,
                                     WallTime now,
                                     OnBytes const& on_bytes);

/// A backup as the journal that it is of, for reading only: `verify_journal` and the journal's
/// other readers work on it. Threading: any.
class BackupStorage final : public ReadOnlyStorage {
  public:
    BackupStorage(std::filesystem::path backups, BackupManifest manifest);
    Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) override;
    Result<std::vector<std::string>> list() override;
    Result<std::uint64_t> free_bytes() override;
    std::string describe() const override;

  private:
    std::filesystem::path backups_;
    BackupManifest manifest_;
};

/// Reads a backup without restoring it: hashes of its pieces, then the journal in them. Problems
/// are in the report. Errors: `disk_io`, `not_found`.
Result<VerifyReport> verify_backup(std::filesystem::path const& backups,
                                   BackupManifest const& manifest,
                                   OnBytes const& on_bytes);

struct RestoreOptions {
    std::optional<Position> at;  // the last submission to restore; nothing: all
};

struct RestoreReport {
    Position position;  // of the last submission that was restored
    Lineage lineage;    // the new one
    std::uint64_t streams = 0;
    std::uint64_t events = 0;
    std::uint64_t state_hash = 0;
};

/// Makes a data directory from a backup, ready to serve: the journal up to a position, then a
/// restore record with a new lineage, so that every stream's generation ends where it is now and
/// devices with higher cursors are told so; then all derived state. `directory` must not exist; it
/// appears whole, under its name, at the end. After a crash the same call goes on. Errors:
/// `config_invalid` (the directory exists), `position_invalid` (`at` is not in the backup),
/// `journal_corrupt`, `storage_full`, `disk_io`.
Result<RestoreReport> restore_backup(std::filesystem::path const& backups,
                                     BackupManifest const& manifest,
                                     std::filesystem::path const& directory,
                                     RestoreOptions const& options,
                                     Random& random,
                                     OnBytes const& on_bytes);

}  // namespace capstan
