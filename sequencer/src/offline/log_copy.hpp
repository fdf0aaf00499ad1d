#pragma once
#include <capstan/sequencer/migration.hpp>
#include <condition_variable>
#include <mutex>

#include "../log_sequence.hpp"

namespace capstan {

/// A shared log, read from its first record by someone who may wait for it. Threading: one.
class LogCopy {
  public:
    /// Gets the records that take a position, in order. Its error ends the reading.
    using OnRecord = std::function<Result<>(LogRecord const&)>;

    /// Errors: `trimmed` (the log has lost its first records), those of the log.
    static Result<std::unique_ptr<LogCopy>> open(MigrationOptions const& options,
                                                 OnRecord on_record);

    /// Reads to where the log ended when this was called. Errors: `unavailable`, those of the log
    /// and of the visitor.
    Result<> read_to_end();
    /// Appends a copy of the submission at this position, and reads while there is no room for it.
    Result<> append_copy(Position position, ByteView submission);
    /// Reads until the last position is this one.
    Result<> read_to(Position last);
    /// Appends a record of the migration's own, and reads until it is there.
    Result<> append_own(Bytes record);

    Position last() const { return sequence_.last(); }
    /// Where the log ended when it was asked last.
    LogOffset end() const { return end_; }
    bool is_being_filled() const { return sequence_.is_being_filled(); }

  private:
    LogCopy(MigrationOptions const& options, OnRecord on_record)
        : options_(options), on_record_(std::move(on_record)) {}
    void wake();
    Result<std::size_t> read_some();
    Result<> take(LogRecord const& record);
    Result<> read_until(std::function<bool()> const& done);

    MigrationOptions const& options_;
    OnRecord on_record_;
    std::mutex mutex_;
    std::condition_variable woken_;
    bool is_awake_ = false;  // guarded by mutex_
    std::unique_ptr<SharedLog> log_;
    LogSequence sequence_;
    LogOffset next_;
    LogOffset end_;
    std::uint64_t appended_ = 0;  // copies, by this process
};

}  // namespace capstan
