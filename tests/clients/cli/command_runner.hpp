// Runs `capstan` inside the test's process.
#pragma once
#include <capstan/cli/run.hpp>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capstan::cli::test {

class StringSink final : public TextSink {
  public:
    void write(std::string_view more) override { text += open ? more : std::string_view{}; }
    void flush() override {}
    bool ok() const override { return open; }
    std::string text;
    bool open = true;
};

class StringSource final : public TextSource {
  public:
    explicit StringSource(std::string input = {}) : rest_(std::move(input)) {}
    std::optional<std::string> line() override {
        if (rest_.empty()) {
            return std::nullopt;
        }
        auto const end = rest_.find('\n');
        auto taken = rest_.substr(0, end);
        rest_.erase(0, end == std::string::npos ? end : end + 1);
        return taken;
    }
    std::string rest() override { return std::exchange(rest_, {}); }
    std::size_t read(std::span<char> buffer) override {
        auto const got = rest_.copy(buffer.data(), buffer.size());
        rest_.erase(0, got);
        return got;
    }

  private:
    std::string rest_;
};

struct Setting {
    std::string input;
    std::size_t terminal_columns = 0;  // 0: stdout is no terminal
    std::map<std::string, std::string, std::less<>> environment;
};

struct Outcome {
    std::string out;
    std::string err;
    ExitCode code = ExitCode::ok;
};

inline Outcome run(std::vector<std::string> words, Setting const& setting = {}) {
    StringSink out;
    StringSink err;
    StringSource in(setting.input);
    Surroundings surroundings{
        .out = out,
        .err = err,
        .in = in,
        .out_is_terminal = setting.terminal_columns != 0,
        .columns = setting.terminal_columns,
        .environment = [&](std::string_view name) -> std::optional<std::string> {
            auto const at = setting.environment.find(name);
            return at == setting.environment.end() ? std::nullopt : std::optional(at->second);
        },
        .on_interrupt = [](auto const&) {},
    };
    auto const code = cli::run(std::move(words), surroundings);
    return {out.text, err.text, code};
}

}  // namespace capstan::cli::test
