#pragma once
#include <sys/types.h>

#include <capstan/schema/error.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capstan::importers {

/// A file descriptor that is closed when it goes.
class Descriptor {
  public:
    explicit Descriptor(int value = -1) : value_(value) {}
    Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(value_, other.value_);
        return *this;
    }
    ~Descriptor() { close(); }
    void close();
    int get() const { return value_; }

  private:
    int value_;
};

/// A child process with its standard input and output as pipes; what it says on standard error is
/// kept for `finish`. Destroying it ends it.
/// Threading: one thread at a time. The caller ignores SIGPIPE.
class Subprocess {
  public:
    /// Errors: `not_found` (no such program), `disk_io`.
    static Result<Subprocess> start(std::vector<std::string> const& words);
    Subprocess(Subprocess&& other) noexcept;
    Subprocess& operator=(Subprocess&&) = delete;
    ~Subprocess();

    /// Errors: `disk_io`.
    Result<> write(std::string_view text);
    void close_input() { input_.close(); }
    /// Bytes of output, at least one; none at its end. Errors: `disk_io`.
    Result<std::size_t> read(std::span<char> into);
    /// Waits for the end. Errors: `not_found` with the child's words, if it ended with another code
    /// than 0.
    Result<> finish();

  private:
    Subprocess() = default;
    std::string complaint() const;

    pid_t pid_ = -1;
    Descriptor input_;
    Descriptor output_;
    Descriptor errors_;  // an unnamed file
};

}  // namespace capstan::importers
