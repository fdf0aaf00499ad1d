#include <unistd.h>

#include <capstan/cli/run.hpp>
#include <cstdlib>
#include <utility>

#include "posix_surroundings.hpp"

int main(int count, char** words) {
    using namespace capstan::cli;
    Interrupts interrupts;
    DescriptorSink out(STDOUT_FILENO);
    DescriptorSink err(STDERR_FILENO);
    DescriptorSource in(STDIN_FILENO);
    Surroundings surroundings{
        .out = out,
        .err = err,
        .in = in,
        .in_is_terminal = ::isatty(STDIN_FILENO) == 1,
        .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
        .err_is_terminal = ::isatty(STDERR_FILENO) == 1,
        .columns = terminal_columns(STDOUT_FILENO),
        .environment = [](std::string_view name) -> std::optional<std::string> {
            auto const* value = std::getenv(std::string(name).c_str());
            return value == nullptr ? std::nullopt : std::optional<std::string>(value);
        },
        .on_interrupt = [&](auto callback) { interrupts.on_interrupt(std::move(callback)); },
    };
    auto const code = run({words + 1, words + count}, surroundings);
    return static_cast<int>(code);
}
