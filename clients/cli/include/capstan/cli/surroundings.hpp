#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace capstan::cli {

/// Where text goes: a file descriptor, or a string in tests.
class TextSink {
  public:
    virtual ~TextSink() = default;
    /// Buffers. Text after a failure is dropped.
    virtual void write(std::string_view text) = 0;
    virtual void flush() = 0;
    /// False once the other side takes no more: a closed pipe, a full disk.
    virtual bool ok() const = 0;
    /// Then: what is wrong with it; empty if nobody reads any more.
    virtual std::string trouble() const { return {}; }
};

/// Where text comes from.
class TextSource {
  public:
    virtual ~TextSource() = default;
    /// The next line without its end, or nothing at the end. A last line may lack its end.
    virtual std::optional<std::string> line() = 0;
    /// All that is left.
    virtual std::string rest() = 0;
    /// The next bytes, as many as are there and fit; 0 at the end.
    virtual std::size_t read(std::span<char> buffer) = 0;
};

/// What the command line sees of the world that it was started in. Tests give it another one.
/// Threading: the thread that calls `run`, but for `interrupted`.
struct Surroundings {
    TextSink& out;
    TextSink& err;
    TextSource& in;
    bool in_is_terminal = false;
    bool out_is_terminal = false;
    bool err_is_terminal = false;
    std::size_t columns = 80;  // of the terminal
    std::function<std::optional<std::string>(std::string_view)> environment;
    /// Calls back once, in any thread, when the user asks to stop (SIGINT, SIGTERM); set by
    /// commands that wait, cleared by setting nothing.
    std::function<void(std::function<void()>)> on_interrupt;
};

}  // namespace capstan::cli
