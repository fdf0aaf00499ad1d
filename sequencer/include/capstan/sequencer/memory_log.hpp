#pragma once
#include <capstan/sequencer/shared_log.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace capstan {

/// A partition of a shared log in memory, for tests and the simulator, with what can go wrong in
/// one. Threading: none of its own.
class MemoryTopic {
  public:
    /// Committed records at offsets first.. in order.
    LogExtent extent() const { return {first_, end()}; }

    /// What is appended is not committed until this is called with false.
    void hold(bool holds);
    /// Nobody reaches it: appends wait at their handles, nothing is read.
    void set_reachable(bool reachable);
    /// The next append is written twice.
    void duplicate_next() { duplicates_next_ = true; }
    /// Someone else wrote this.
    void append_foreign(Bytes bytes);
    /// Retention: what lies before `first` is gone.
    void trim(LogOffset first);
    /// An unclean election: what lies at `end` and behind is gone, and its offsets are used again.
    void truncate(LogOffset end);

  private:
    friend class MemoryLog;
    struct Record {
        std::optional<LogOrigin> origin;
        Bytes bytes;
    };
    LogOffset end() const { return {first_.value + static_cast<std::int64_t>(records_.size())}; }
    bool append(Record record);
    void wake_all() const;

    LogOffset first_;
    std::deque<Record> records_;
    std::vector<Record> held_;
    std::map<std::uint64_t, LogWake> wakes_;  // by handle
    std::uint64_t handles_ = 0;
    bool reachable_ = true;
    bool holds_ = false;
    bool duplicates_next_ = false;
};

/// A node's handle of a `MemoryTopic`. Lifetime: the topic outlives it.
class MemoryLog final : public SharedLog {
  public:
    MemoryLog(MemoryTopic& topic,
              LogOffset from,
              LogWake wake,
              std::optional<std::uint64_t> handle = std::nullopt);
    ~MemoryLog() override;

    std::uint64_t handle() const override { return handle_; }
    Result<> append(Bytes record, std::uint64_t token) override;
    Result<std::size_t> read(std::size_t records_max, LogVisitor const& visit) override;
    Result<LogExtent> extent() override;
    void tick() override;
    std::size_t unseen() const override;

  private:
    struct Parts;
    void send_unsent();

    MemoryTopic& topic_;
    std::uint64_t handle_;
    LogOffset next_;
    std::unique_ptr<Parts> parts_;
};

}  // namespace capstan
