#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace capstan {

/// Place of a record in a shared log. It grows from record to record, not always by one.
struct LogOffset {
    std::int64_t value = 0;
    constexpr LogOffset next() const { return LogOffset{value + 1}; }
    friend auto operator<=>(LogOffset, LogOffset) = default;
};

/// Which append a record comes from: the handle that made it, and the token that it was given.
struct LogOrigin {
    std::uint64_t handle = 0;
    std::uint64_t token = 0;
    friend bool operator==(LogOrigin const&, LogOrigin const&) = default;
};

/// A record as it is read: a view, valid during the visit.
struct LogRecord {
    LogOffset offset;
    std::optional<LogOrigin> origin;    // nothing: it was not appended by one of us
    std::optional<std::uint64_t> seen;  // the token, if this is an append of this handle that was
                                        // not seen before
    ByteView bytes;
};
using LogVisitor = std::function<void(LogRecord const&)>;

/// What a log holds: records from `first` on and before `end`.
struct LogExtent {
    LogOffset first;
    LogOffset end;
    friend bool operator==(LogExtent const&, LogExtent const&) = default;
};

/// Something new may be there to `read`. Called from any thread, maybe for nothing, and does no
/// more than to pass that on: it must not call the log.
using LogWake = std::function<void()>;

/// One partition of a log that several nodes share: each of them appends, and all read the same
/// records in the same order. It is the journal of a cluster; `FileJournal` then keeps a local
/// copy, the tape.
///
/// An append has no answer of its own: it has happened when its record is read back, and then it is
/// as durable as the log. Until then its outcome is open. It is repeated, and may then stand in the
/// log more than once, and behind later ones: the fold drops duplicates and keeps runs in order.
///
/// Threading: `append` from any thread, all else from one. Twins: the log of `open_kafka_log`,
/// MemoryLog.
class SharedLog {
  public:
    virtual ~SharedLog() = default;

    /// Names this handle in the records that it appends; drawn anew at each opening.
    virtual std::uint64_t handle() const = 0;

    /// Appends one record of at most kSubmissionBytesMax. `token` comes back with it.
    /// Errors: `overloaded` (too much is on its way), `unavailable` (the log has not answered for a
    /// while), `too_large`. Then nothing is appended.
    virtual Result<> append(Bytes record, std::uint64_t token) = 0;

    /// Visits the next records, at most `records_max`, and returns how many. 0: none for now; the
    /// log wakes its owner when there are.
    /// Errors: `journal_diverged`, for ever: the log no longer holds what comes next.
    virtual Result<std::size_t> read(std::size_t records_max, LogVisitor const& visit) = 0;

    /// What the log holds now: a node is ready once it has read up to the `end` of its start.
    /// Blocks for up to some seconds. Errors: `unavailable`.
    virtual Result<LogExtent> extent() = 0;

    /// To be called about once a second: sends again what failed, and counts how long the log has
    /// been silent.
    virtual void tick() = 0;

    /// Appended here and not read back yet.
    virtual std::size_t unseen() const = 0;
};

}  // namespace capstan
