#include <capstan/sequencer/memory_log.hpp>
#include <utility>

#include "unseen_appends.hpp"

namespace capstan {
namespace {

constexpr std::size_t kUnseenBytesMax = 64 * 1'048'576;

Error diverged(LogOffset wanted, LogExtent const& extent) {
    return Error{Errc::journal_diverged,
                 "offset " + std::to_string(wanted.value) + " is wanted, the log holds " +
                     std::to_string(extent.first.value) + " to " +
                     std::to_string(extent.end.value)};
}

}  // namespace

void MemoryTopic::hold(bool holds) {
    holds_ = holds;
    if (holds_) {
        return;
    }
    for (auto& record : std::exchange(held_, {})) {
        records_.push_back(std::move(record));
    }
    wake_all();
}

void MemoryTopic::set_reachable(bool reachable) {
    reachable_ = reachable;
    if (reachable_) {
        wake_all();
    }
}

void MemoryTopic::append_foreign(Bytes bytes) {
    append({std::nullopt, std::move(bytes)});
}

void MemoryTopic::trim(LogOffset first) {
    while (first_ < first && !records_.empty()) {
        records_.pop_front();
        first_ = first_.next();
    }
}

void MemoryTopic::truncate(LogOffset end) {
    while (this->end() > end && !records_.empty()) {
        records_.pop_back();
    }
    wake_all();
}

bool MemoryTopic::append(Record record) {
    if (!reachable_) {
        return false;
    }
    auto& into = held_;
    if (std::exchange(duplicates_next_, false)) {
        into.push_back(record);
    }
    into.push_back(std::move(record));
    if (!holds_) {
        hold(false);
    }
    return true;
}

void MemoryTopic::wake_all() const {
    for (auto const& [handle, wake] : wakes_) {
        wake();
    }
}

struct MemoryLog::Parts {
    UnseenAppends unseen{kUnseenBytesMax};
};

MemoryLog::MemoryLog(MemoryTopic& topic,
                     LogOffset from,
                     LogWake wake,
                     std::optional<std::uint64_t> handle)
    : topic_(topic),
      handle_(handle ? *handle : ++topic.handles_),
      next_(from),
      parts_(std::make_unique<Parts>()) {
    topic_.wakes_.emplace(handle_, std::move(wake));
}

MemoryLog::~MemoryLog() {
    topic_.wakes_.erase(handle_);
}

Result<> MemoryLog::append(Bytes record, std::uint64_t token) {
    CAPSTAN_TRY(parts_->unseen.check(record));
    parts_->unseen.add(token, std::move(record));
    send_unsent();
    return success();
}

void MemoryLog::send_unsent() {
    parts_->unseen.send([this](std::uint64_t token, ByteView record) {
        return topic_.append({LogOrigin{handle_, token}, Bytes(record.begin(), record.end())});
    });
}

Result<std::size_t> MemoryLog::read(std::size_t records_max, LogVisitor const& visit) {
    auto const extent = topic_.extent();
    if (next_ < extent.first || next_ > extent.end) {
        return diverged(next_, extent);
    }
    std::size_t count = 0;
    for (; topic_.reachable_ && count < records_max && next_ < extent.end; ++count) {
        auto const& record =
            topic_.records_[static_cast<std::size_t>(next_.value - extent.first.value)];
        bool const is_own = record.origin && record.origin->handle == handle_;
        auto const seen = is_own ? parts_->unseen.seen(record.origin->token) : std::nullopt;
        visit({next_, record.origin, seen, record.bytes});
        next_ = next_.next();
    }
    return count;
}

Result<LogExtent> MemoryLog::extent() {
    if (!topic_.reachable_) {
        return Error{Errc::unavailable, "the log does not answer"};
    }
    return topic_.extent();
}

void MemoryLog::tick() {
    parts_->unseen.tick();
    send_unsent();
}

std::size_t MemoryLog::unseen() const {
    return parts_->unseen.size();
}

}  // namespace capstan
