#include <poll.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <atomic>
#include <capstan/server/log/event_limiter.hpp>
#include <capstan/server/log/log.hpp>
#include <mutex>

namespace capstan {
namespace {

/// Offers each line to the descriptor once. A line fits into what a pipe takes whole, so a pipe
/// that is ready does not block; one that is not ready loses the line.
class DescriptorSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
  public:
    explicit DescriptorSink(int descriptor) : descriptor_(descriptor) {}
    std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  private:
    void sink_it_(spdlog::details::log_msg const& line) override {
        std::string text(line.payload.data(), line.payload.size());
        text += '\n';
        pollfd ready{descriptor_, POLLOUT, 0};
        bool const takes = ::poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0;
        if (!takes || ::write(descriptor_, text.data(), text.size()) < 0) {
            dropped_.fetch_add(1, std::memory_order_relaxed);
        }
    }
    void flush_() override {}

    int descriptor_;
    std::atomic<std::uint64_t> dropped_ = 0;
};

class AsyncLog final : public Log {
  public:
    AsyncLog(int descriptor, LogOptions const& options, Clock const& clock)
        : format_(options.format),
          level_(options.level),
          clock_(clock),
          limiter_(options.events_per_second, options.events_burst),
          sink_(std::make_shared<DescriptorSink>(descriptor)),
          threads_(std::make_shared<spdlog::details::thread_pool>(options.queue_lines_max, 1)),
          logger_(std::make_shared<spdlog::async_logger>(
              "capstan", sink_, threads_, spdlog::async_overflow_policy::overrun_oldest)) {}

    void write(LogLine const& line) override {
        if (line.level < level_.load(std::memory_order_relaxed)) {
            return;
        }
        auto const held_back = admit(line.event);
        if (!held_back) {
            suppressed_.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        auto const text = format_line(format_, clock_.wall(), line, *held_back);
        logger_->log(spdlog::level::critical, spdlog::string_view_t(text));
    }

    void set_options(LogOptions const& options) override {
        level_.store(options.level, std::memory_order_relaxed);
        std::lock_guard const lock(mutex_);
        limiter_ = EventLimiter(options.events_per_second, options.events_burst);
    }

    std::uint64_t dropped() const override {
        return sink_->dropped() + threads_->overrun_counter();
    }
    std::uint64_t suppressed() const override {
        return suppressed_.load(std::memory_order_relaxed);
    }

  private:
    std::optional<std::uint64_t> admit(std::string_view event) {
        std::lock_guard const lock(mutex_);
        return limiter_.admit(event, clock_.now());
    }

    LogFormat format_;
    std::atomic<LogLevel> level_;
    Clock const& clock_;
    std::mutex mutex_;
    EventLimiter limiter_;  // guarded by mutex_
    std::atomic<std::uint64_t> suppressed_ = 0;
    std::shared_ptr<DescriptorSink> sink_;
    std::shared_ptr<spdlog::details::thread_pool> threads_;
    std::shared_ptr<spdlog::async_logger> logger_;
};

}  // namespace

std::unique_ptr<Log> open_log(int descriptor, LogOptions const& options, Clock const& clock) {
    return std::make_unique<AsyncLog>(descriptor, options, clock);
}

}  // namespace capstan
