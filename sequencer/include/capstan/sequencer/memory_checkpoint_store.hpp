#pragma once
#include <capstan/sequencer/checkpoint_store.hpp>
#include <map>
#include <optional>
#include <utility>

namespace capstan {

/// A checkpoint store in memory, for tests and the simulator: its "disk" survives `crash`, and any
/// call can be made to fail. Threading: none of its own.
///
/// A commit is two storage calls, write and flush. If the write fails nothing has happened. If the
/// flush fails the caller has an error, and which checkpoint a crash leaves is open, as with a
/// disk.
class MemoryCheckpointStore final : public CheckpointStore {
  public:
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

    /// The storage call `calls` from now fails (0: the next one), once.
    void fail_after(std::size_t calls, Errc how);
    std::size_t calls() const { return calls_; }  // storage calls so far

    /// True if the outcome of the last commit is open.
    bool commit_in_doubt() const { return in_doubt_.has_value(); }
    /// The process is gone. A commit in doubt turns out as `keep` says.
    void crash(bool keep);

  private:
    Result<> storage_call() const;
    void apply(CheckpointBatch const& batch);
    void apply(StreamWrite const& write);

    std::optional<Checkpoint> checkpoint_;
    std::map<std::string, StreamNumber, std::less<>> names_;
    std::map<StreamNumber, StoredStream> streams_;
    std::map<std::pair<StreamNumber, DeviceId>, Bytes> devices_;
    std::map<Position, StreamNumber> changes_;
    std::map<StreamNumber, StreamLinks> links_;
    std::map<std::pair<SegmentNumber, Position>, Bytes> runs_;
    SegmentNumber retired_;

    std::optional<CheckpointBatch> in_doubt_;
    mutable std::size_t calls_ = 0;
    mutable std::optional<std::pair<std::size_t, Errc>> failure_;  // at which call
};

}  // namespace capstan
