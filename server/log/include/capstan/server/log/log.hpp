#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace capstan {

enum class LogLevel : std::uint8_t { debug, info, warn, error };
enum class LogFormat : std::uint8_t { text, json };

/// A value of a log line. Keys that mean the same bear the same name everywhere: tenant, stream,
/// seq, device, session, bytes, dur_us, err, code. No payloads at info.
struct LogField {
    std::string_view key;
    std::variant<std::string_view, std::int64_t, std::uint64_t, bool> value;
};

struct LogLine {
    LogLevel level = LogLevel::info;
    std::string_view event;  // stable, snake_case: what alerts and tests look for
    std::string_view message;
    std::initializer_list<LogField> fields = {};
};

struct LogOptions {
    LogLevel level = LogLevel::info;
    LogFormat format = LogFormat::json;
    std::uint64_t events_per_second = 10;  // of one event name
    std::uint64_t events_burst = 50;
    std::size_t queue_lines_max = 8'192;
};

/// Structured lines on a file descriptor. A line is queued and written by a thread of its own; when
/// the queue is full the oldest line goes, and while the descriptor takes nothing (a full pipe, a
/// full disk) lines are dropped. Both are counted and nobody waits.
/// Threading: any thread. Lifetime: what was written before the destruction is offered to the
/// descriptor once.
class Log {
  public:
    virtual ~Log() = default;
    virtual void write(LogLine const& line) = 0;
    /// Another level and other rates from the next line on; format and queue stay.
    virtual void set_options(LogOptions const& options) = 0;

    void debug(std::string_view event,
               std::string_view message,
               std::initializer_list<LogField> fields = {}) {
        write({LogLevel::debug, event, message, fields});
    }
    void info(std::string_view event,
              std::string_view message,
              std::initializer_list<LogField> fields = {}) {
        write({LogLevel::info, event, message, fields});
    }
    void warn(std::string_view event,
              std::string_view message,
              std::initializer_list<LogField> fields = {}) {
        write({LogLevel::warn, event, message, fields});
    }
    void error(std::string_view event,
               std::string_view message,
               std::initializer_list<LogField> fields = {}) {
        write({LogLevel::error, event, message, fields});
    }

    /// Lines lost to a full queue or a descriptor that took nothing.
    virtual std::uint64_t dropped() const = 0;
    /// Lines left out because their event came too often; the next line of it says how many.
    virtual std::uint64_t suppressed() const = 0;
};

/// `clock` outlives the log; the descriptor stays open and belongs to the caller.
std::unique_ptr<Log> open_log(int descriptor, LogOptions const& options, Clock const& clock);

/// One line without its newline, at most kLogLineBytesMax.
std::string format_line(LogFormat format,
                        WallTime time,
                        LogLine const& line,
                        std::uint64_t suppressed);
/// What a pipe takes at once or not at all.
inline constexpr std::size_t kLogLineBytesMax = 4'095;

std::string_view to_string(LogLevel level);

}  // namespace capstan
