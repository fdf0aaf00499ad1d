#pragma once
#include <capstan/sequencer/checkpoint_store.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

namespace capstan {

struct LmdbCheckpointStoreOptions {
    std::filesystem::path directory;
    std::size_t map_bytes = std::size_t{256} << 20;
    std::size_t map_bytes_max = std::size_t{1} << 40;
};

/// A checkpoint store in an LMDB environment. Tables, numbers in keys big-endian so that they sort:
///
///   names   := name                         -> u32 stream
///   streams := u32 stream                   -> u64 changed, row, check
///   devices := u32 stream, 16 B device      -> row, check
///   changes := u64 position                 -> u32 stream
///   links   := u32 stream                   -> links, check
///   runs    := u64 segment, u64 position    -> run chunk, check
///   state   := "checkpoint"                 -> u64 position, hash128 chain, u64 segment, u64
///   offset,
///                                              u64 state hash, u64 retired, partition row, check
///              "format"                     -> u32 version = 1
///   check   := u32, lower half of (XXH3-64 of the value before it xor XXH3-64 of the key)
///
/// Streams are keyed by number, not by name: new ones are appended, and the rows that a checkpoint
/// rewrites stand closer together. Links have a table of their own since a seal changes those of
/// all streams in the segment, whose rows may be long clean. LMDB has no checksums; the check turns
/// rot in a value into `index_damaged`, `verify` finds the rest. Source: docs/on-disk-format.md,
/// "Checkpoints".
class LmdbCheckpointStore final : public CheckpointStore {
  public:
    /// Errors: `index_damaged`, `format_unknown`, `disk_io`, `storage_full`, `internal` (open
    /// already).
    static Result<std::unique_ptr<LmdbCheckpointStore>> open(
        LmdbCheckpointStoreOptions const& options);
    ~LmdbCheckpointStore() override;

    Result<std::optional<Checkpoint>> load() const override;
    Result<std::optional<StoredStream>> stream(std::string_view name) const override;
    Result<std::optional<StoredStream>> stream(StreamNumber number) const override;
    Result<std::optional<Bytes>> device(StreamNumber stream, DeviceId const& device) const override;
    Result<StreamPage> list(StreamPattern const& pattern,
                            std::string_view after,
                            std::size_t limit) const override;
    Result<std::vector<StreamChange>> changed_after(Position position,
                                                    std::size_t limit) const override;
    Result<std::vector<StreamLinks>> links(std::span<StreamNumber const> streams) const override;
    Result<StoredRuns> runs() const override;
    Result<> commit(CheckpointBatch const& batch) override;

    /// Reads every row: checks, and that names, rows and changes belong together. Returns the
    /// number of streams. Cost: the size of the store; it may run next to everything else, but
    /// holds a read transaction for that long. Errors: `index_damaged`.
    Result<std::uint64_t> verify() const;

    /// Clears what dead processes left. Now and then.
    Result<> maintain();
    std::uint64_t file_bytes() const;

  private:
    struct Tables;
    explicit LmdbCheckpointStore(std::unique_ptr<Tables> tables);
    std::unique_ptr<Tables> tables_;
};

}  // namespace capstan
