#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/submission.hpp>
#include <capstan/sequencer/shared_log.hpp>
#include <cstdint>
#include <string>

// What the records of a shared log are to whoever reads them in order: nodes, and the migration
// that fills a log from another journal.
namespace capstan {

/// The handle of records that a migration copies. Their token is the position that they take, so
/// that a copy which comes again, from a process that was killed, takes none.
inline constexpr std::uint64_t kCopiedHandle = 0x6361'7073'7461'6e01;

/// No build will ever know this version of the fold: a record that asks for it ends the journal for
/// all that read it. What follows has moved to another journal.
inline constexpr std::uint32_t kFoldVersionClosed = 0xffff'ffff;

inline bool closes_journal(SubmissionView const& view) {
    return view.kind == SubmissionKind::fold_version && view.fold_version == kFoldVersionClosed;
}

/// The record as a journal keeps it: itself, or a stand-in for what is no submission.
inline Bytes to_submission(ByteView record) {
    auto const length = submission_length(record);
    bool const is_whole = length && length.value() == record.size();
    return is_whole ? Bytes(record.begin(), record.end()) : encode_stand_in(record);
}

/// Counts the positions of a log's records, the same for all that read it from the same place.
class LogSequence {
  public:
    /// `before`: the position of the last record before the first one that comes.
    explicit LogSequence(Position before = {}) : last_(before) {}

    /// True if the record takes the next position; false for a copy that comes again.
    /// Errors: `journal_diverged` (copies before this one are missing).
    Result<bool> take(LogRecord const& record) {
        bool const is_copy = record.origin && record.origin->handle == kCopiedHandle;
        if (is_copy && record.origin->token <= last_.value) {
            return false;
        }
        if (is_copy && record.origin->token != last_.next().value) {
            return Error{Errc::journal_diverged,
                         "offset " + std::to_string(record.offset.value) +
                             " of the log is a copy of position " +
                             std::to_string(record.origin->token) + ", behind position " +
                             std::to_string(last_.value)};
        }
        last_ = last_.next();
        is_being_filled_ = is_copy;
        return true;
    }

    Position last() const { return last_; }
    /// The last record is a copy: more of them follow, and nobody else writes before they end.
    bool is_being_filled() const { return is_being_filled_; }

  private:
    Position last_;
    bool is_being_filled_ = false;
};

}  // namespace capstan
