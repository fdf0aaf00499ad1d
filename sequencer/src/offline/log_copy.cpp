#include "log_copy.hpp"

#include <chrono>

namespace capstan {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kRecordsPerRead = 1'024;
constexpr std::uint64_t kReadEvery = 64;  // appends
constexpr auto kTick = std::chrono::seconds(1);

}  // namespace

Result<std::unique_ptr<LogCopy>> LogCopy::open(MigrationOptions const& options,
                                               OnRecord on_record) {
    std::unique_ptr<LogCopy> copy(new LogCopy(options, std::move(on_record)));
    CAPSTAN_TRY(copy->log_,
                options.open_log(
                    {}, [raw = copy.get()] { raw->wake(); }, kCopiedHandle));
    CAPSTAN_TRY(auto const extent, copy->log_->extent());
    if (extent.first > LogOffset{}) {
        return Error{Errc::trimmed,
                     "the log begins at offset " + std::to_string(extent.first.value) +
                         "; a journal needs all from 0 on"};
    }
    return copy;
}

void LogCopy::wake() {
    std::lock_guard const lock(mutex_);
    is_awake_ = true;
    woken_.notify_all();
}

Result<std::size_t> LogCopy::read_some() {
    Result<> taken = success();
    CAPSTAN_TRY(auto const count, log_->read(kRecordsPerRead, [&](LogRecord const& record) {
        taken = taken ? take(record) : taken;
    }));
    CAPSTAN_TRY(taken);
    return count;
}

Result<> LogCopy::take(LogRecord const& record) {
    next_ = record.offset.next();
    CAPSTAN_TRY(bool const is_next, sequence_.take(record));
    return is_next ? on_record_(record) : success();
}

Result<> LogCopy::read_until(std::function<bool()> const& done) {
    auto heard = Steady::now();
    while (!done()) {
        CAPSTAN_TRY(auto const count, read_some());
        if (count > 0) {
            heard = Steady::now();
            continue;
        }
        if (Steady::now() - heard > options_.patience) {
            return Error{Errc::unavailable, "the log says nothing"};
        }
        std::unique_lock lock(mutex_);
        woken_.wait_for(lock, kTick, [this] { return is_awake_; });
        is_awake_ = false;
        lock.unlock();
        log_->tick();
    }
    return success();
}

Result<> LogCopy::read_to_end() {
    CAPSTAN_TRY(auto const extent, log_->extent());
    end_ = extent.end;
    return read_until([this] { return next_ >= end_; });
}

Result<> LogCopy::append_copy(Position position, ByteView submission) {
    if (appended_++ % kReadEvery == 0) {
        CAPSTAN_TRY(read_some());
    }
    Result<> appended = success();
    CAPSTAN_TRY(read_until([&] {
        appended = log_->append(Bytes(submission.begin(), submission.end()), position.value);
        return appended || appended.error().code != Errc::overloaded;
    }));
    return appended;
}

Result<> LogCopy::read_to(Position last) {
    return read_until([&] { return sequence_.last() >= last; });
}

/// Under a handle of its own: it is no copy.
Result<> LogCopy::append_own(Bytes record) {
    CAPSTAN_TRY(auto const own,
                options_.open_log(
                    next_, [this] { wake(); }, std::nullopt));
    CAPSTAN_TRY(own->append(std::move(record), 1));
    bool is_there = false;
    Result<> read = success();
    CAPSTAN_TRY(read_until([&] {
        auto const count = own->read(kRecordsPerRead, [&](LogRecord const& record_read) {
            is_there = is_there || record_read.seen.has_value();
        });
        own->tick();
        read = count ? Result<>(success()) : Result<>(count.error());
        return is_there || !read;
    }));
    CAPSTAN_TRY(read);
    return read_to_end();
}

}  // namespace capstan
