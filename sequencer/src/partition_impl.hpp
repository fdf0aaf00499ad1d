#pragma once
#include <atomic>
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/engine/runtime/executor.hpp>
#include <capstan/sequencer/file_journal.hpp>
#include <capstan/sequencer/index.hpp>
#include <capstan/sequencer/partition.hpp>
#include <deque>
#include <map>
#include <memory>

#include "catch_up_queue.hpp"
#include "copy_gate.hpp"
#include "log_sequence.hpp"
#include "move_list.hpp"
#include "row_cache.hpp"
#include "write_queue.hpp"

namespace capstan {

/// Reads segments of a journal for the index.
class JournalSegments final : public SegmentReader {
  public:
    explicit JournalSegments(std::unique_ptr<FileJournal> const& journal) : journal_(journal) {}
    Result<> read(SegmentNumber segment, Offset offset, std::span<std::byte> into) const override;
    Result<FooterPlace> footer(SegmentNumber segment) const override;

  private:
    std::unique_ptr<FileJournal> const& journal_;
};

/// The pipeline. Files: partition.cpp (opening, draining), partition_write.cpp (queue and journal),
/// partition_log.cpp (shared log and tape), partition_fold.cpp (durable batches),
/// partition_read.cpp, partition_checkpoint.cpp.
///
///   submit ─▶ queue ─disk: takes all, appends, flushes, takes again─▶ strand: each batch is folded
///   submit ─▶ shared log ─disk: reads some, appends to the tape────▶ strand: the same
class PartitionImpl final : public Partition {
  public:
    PartitionImpl(PartitionOptions const& options,
                  PartitionSeams const& seams,
                  PartitionListener& listener);
    Result<> recover();

    bool is_ready() const override { return is_ready_; }
    std::optional<LogProgress> log_progress() const override;
    void catch_up(std::function<void(Result<> const&)> done) override;
    void close() override;
    Result<> submit(Bytes submission, std::uint64_t token) override;
    Result<std::optional<StreamStat>> stat(std::string_view name) override;
    Result<std::optional<StreamStat>> stat(StreamNumber number) override;
    Result<DeviceStat> device(StreamNumber stream, DeviceId const& device) override;
    Result<FoundPage> find_page(StreamNumber stream, Seq from, std::size_t bytes_max) override;
    Result<Page> load_page(FoundPage found) const override;
    Result<Hash128> chain_at(StreamNumber stream, Seq seq) override;
    Result<std::vector<StreamStat>> list(StreamPattern const& pattern,
                                         std::string_view after,
                                         std::size_t limit) override;
    Result<std::optional<std::vector<StreamNumber>>> changed_since(Position position,
                                                                   Hash128 const& chain) override;
    std::pair<Position, Hash128> position() const override;
    PartitionMarks marks() const override;
    std::uint64_t bytes_cut() const override { return bytes_cut_; }
    std::uint64_t state_hash() override;
    void drain(std::function<void()> done) override;

  private:
    struct Written {
        Result<Appended> appended;
        Duration took{};
    };
    /// Submitted and not folded yet.
    struct Unanswered {
        std::size_t count = 0;
        std::size_t bytes = 0;
    };
    /// A durable submission and where it stands.
    struct Durable {
        ByteView record;
        std::optional<std::uint64_t> token;
        Position position;
        SegmentNumber segment;
        Offset offset;
    };

    /// A record of the shared log, as the tape will have it.
    struct ReadRecord {
        Bytes submission;
        std::optional<std::uint64_t> token;
        LogOffset offset;
    };

    /// Of a tape: its last submission, and where the log has that, if it says so.
    struct TapeEnd {
        Position position;
        std::optional<LogOffset> offset;
        Bytes submission;
    };

    // partition_write.cpp
    void start_writing();
    void write_queued();
    void listen_on();
    void write_few_here(std::size_t heard);
    Written write(WriteBatch const& batch);
    void on_written(WriteBatch const& batch, Written const& written);
    void turn_away(WriteBatch const& batch, Error const& why);
    void stop(Error why);
    void tend_when_idle();
    void watch_idleness(Duration wait);
    void tend_journal();

    // partition_log.cpp
    Result<> join_log();
    void copy_from_log();
    Result<WriteBatch> read_log();
    Result<> take_record(LogRecord const& record);
    Result<> check_resumed(LogOffset offset, Bytes const& submission);
    void pass_over(LogOffset last);
    void write_beacon_if_due();
    Result<> check_beacon(Beacon const& beacon, BeaconCheck check);
    void ask_for_end();
    void on_end(Result<LogExtent> const& extent);
    void find_end();
    void write_own(Bytes record);
    void become_ready_if_caught_up();
    void tick_log();

    // partition_fold.cpp
    /// The journal's tail is folded again: nobody waits or listens.
    bool is_starting() const { return journal_ == nullptr; }
    void fold_batch(WriteBatch const& batch, Appended const& appended);
    void decode_ahead(WriteBatch const& batch, std::size_t first);
    Result<Verdict> fold_one(Durable const& durable);
    Result<Verdict> fold_decoded(Durable const& durable, Result<SubmissionView> const& view);
    Result<Verdict> fold_known(Durable const& durable, SubmissionView const& view);
    void note_accepted(Durable const& durable,
                       SubmissionView const& view,
                       Verdict const& verdict,
                       RowCache::Stream& stream,
                       Seq mark_before);
    Result<> find_first_seq(SubmissionView const& view, StreamNumber stream, Verdict& verdict);
    void announce();
    void seal(SegmentNumber segment);
    void on_sealed(SegmentNumber segment, Result<SealedSegment>& made, Result<> const& result);

    // partition_checkpoint.cpp
    void checkpoint_if_due();
    void checkpoint();
    void commit(std::uint64_t number, std::shared_ptr<CheckpointBatch const> batch);
    void sync_and_commit(std::uint64_t number, std::shared_ptr<CheckpointBatch const> batch);
    void on_committed(std::uint64_t number,
                      std::shared_ptr<CheckpointBatch const> batch,
                      Result<> const& result);
    void schedule_checkpoint();

    // partition_read.cpp
    StreamStat stat_of(RowCache::Stream& stream) const;
    Result<RunEntry> run_at(StreamNumber stream, Seq seq);
    Result<Bytes> read_tape(std::span<RunEntry const> runs) const;

    // partition.cpp
    Result<> write_genesis();
    Result<> seal_left_open(std::span<ClosedSegment const> unsealed);
    void drain_if_quiet();

    PartitionOptions const options_;
    PartitionSeams seams_;
    PartitionListener& listener_;

    std::unique_ptr<FileJournal> journal_;
    JournalSegments segments_{journal_};
    RowCache rows_;
    Index index_;
    PartitionRow row_;
    JournalPlace folded_place_;
    std::uint64_t bytes_cut_ = 0;

    std::optional<Error> stopped_;
    bool draining_ = false;
    std::function<void()> drained_;

    WriteQueue queue_;

    // Over a shared log; what the disk thread has is its own.
    std::unique_ptr<SharedLog> log_;
    std::shared_ptr<CopyGate> gate_;
    LogSequence sequence_;                       // disk: of what was read
    std::optional<TapeEnd> resumed_;             // disk: it is read once more
    std::optional<LogOffset> passed_over_;       // disk: read last, and nothing to fold
    std::atomic<bool> is_being_filled_ = false;  // by a migration
    std::deque<ReadRecord> read_;                // disk: not yet in a batch
    std::size_t read_bytes_ = 0;                 // disk
    WriteBatch unwritten_;                       // disk: there was no room on the tape
    std::atomic<int> copies_ = 0;       // batches on their way from the disk thread to the strand
    LogOffset folded_offset_{-1};       // strand
    std::optional<LogOffset> log_end_;  // strand: as the log last said
    CatchUpQueue catching_up_;          // strand
    std::uint64_t own_records_ = 0;     // written by this node itself
    Position beacon_position_;          // strand: of the newest beacon
    bool is_folded_whole_ = false;      // this process folded all from the first record
    std::uint64_t beacons_disagreed_ = 0;     // strand: though that is so
    std::atomic<bool> has_seen_own_ = false;  // one of them was read
    bool is_ready_ = true;
    std::unique_ptr<Timer> log_timer_;

    Unanswered unanswered_;
    bool flushes_are_quick_ = false;
    std::size_t tending_ = 0;  // sealings and preparations of the spare under way
    Position appended_;

    std::vector<Result<SubmissionView>> decoded_;  // the next few of the batch being folded
    std::vector<Folded> folded_;                   // of the batch being folded
    MoveList moves_;                               // of the same

    /// Streams created since the checkpoint that is being committed, and those that are in it.
    std::map<std::string, StreamNumber, std::less<>> created_;
    std::map<std::string, StreamNumber, std::less<>> created_taken_;
    std::uint64_t checkpoint_number_ = 0;
    bool committing_ = false;
    Position committed_;
    std::size_t bytes_since_checkpoint_ = 0;
    std::size_t bytes_taken_ = 0;
    std::unique_ptr<Timer> checkpoint_timer_;
    std::unique_ptr<Timer> checkpoint_retry_;
    std::unique_ptr<Timer> idle_timer_;
    Instant idle_since_;
    std::unique_ptr<Timer> seal_retry_;
};

}  // namespace capstan
