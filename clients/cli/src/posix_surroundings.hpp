#pragma once
#include <capstan/cli/surroundings.hpp>
#include <memory>
#include <string>

namespace capstan::cli {

/// A file descriptor to write to. Remembers the first failure.
class DescriptorSink final : public TextSink {
  public:
    explicit DescriptorSink(int descriptor) : descriptor_(descriptor) {}
    void write(std::string_view text) override;
    void flush() override;
    bool ok() const override { return error_ == 0; }
    std::string trouble() const override;

  private:
    int descriptor_;
    std::string waiting_;
    int error_ = 0;  // of the system
};

/// A file descriptor to read lines from.
class DescriptorSource final : public TextSource {
  public:
    explicit DescriptorSource(int descriptor) : descriptor_(descriptor) {}
    std::optional<std::string> line() override;
    std::string rest() override;
    std::size_t read(std::span<char> buffer) override;

  private:
    bool fill();

    int descriptor_;
    std::string waiting_;
    std::size_t taken_ = 0;  // of `waiting_`
};

/// Columns of the terminal at a descriptor, 80 where it does not say.
std::size_t terminal_columns(int descriptor);

/// SIGINT and SIGTERM as a callback, from a thread of its own. Made before any other thread, since
/// it blocks both signals in all of them; SIGPIPE is ignored. A second signal ends the process.
class Interrupts {
  public:
    Interrupts();
    ~Interrupts();
    void on_interrupt(std::function<void()> callback);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace capstan::cli
