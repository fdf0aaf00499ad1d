#include <capstan/cli/command_line.hpp>
#include <capstan/cli/run.hpp>
#include <utility>

#include "commands.hpp"

namespace capstan::cli {
namespace {

bool wants_color(Choice choice, bool terminal, Surroundings const& surroundings) {
    if (choice != Choice::automatic) {
        return choice == Choice::always;
    }
    auto const no_color = surroundings.environment("NO_COLOR").value_or("");
    return terminal && no_color.empty() && surroundings.environment("TERM") != "dumb";
}

OutputStyle style_of(Globals const& globals, Surroundings const& surroundings) {
    bool const terminal = surroundings.out_is_terminal;
    return {.format = globals.format.value_or(terminal ? Format::table : Format::plain),
            .terminal = terminal,
            .columns = surroundings.columns,
            .color = wants_color(globals.color, terminal, surroundings),
            .error_color = wants_color(globals.color, surroundings.err_is_terminal, surroundings),
            .quiet = globals.quiet};
}

ExitCode finish(Output& output, Result<> const& result, std::optional<ExitCode> code = {}) {
    output.flush();
    if (!output.ok()) {
        auto const trouble = output.trouble();
        if (trouble.empty()) {
            return ExitCode::broken_pipe;
        }
        Error const lost{Errc::disk_io, "standard output: " + trouble};
        output.error(lost);
        return exit_code(lost.code);
    }
    if (result) {
        return code.value_or(ExitCode::ok);
    }
    if (result.error().code == Errc::cancelled) {
        return ExitCode::interrupted;
    }
    output.error(result.error());
    return code.value_or(exit_code(result.error().code));
}

/// The server cannot tell a token that is missing from a wrong one; whoever sent none can.
Result<> with_reason(Result<> result, Globals const& globals) {
    if (!result && result.error().code == Errc::token_invalid && globals.token_file.empty()) {
        return Error{Errc::token_invalid, "none was given: use --token-file or CAPSTAN_TOKEN_FILE"};
    }
    return result;
}

}  // namespace

ExitCode run(std::vector<std::string> arguments, Surroundings& surroundings) {
    auto const invocation = parse(std::move(arguments), surroundings);
    Globals const globals = invocation ? invocation.value().globals : Globals{};
    Output output(surroundings.out, surroundings.err, style_of(globals, surroundings));
    if (!invocation) {
        return finish(output, invocation.error());
    }
    Context context{globals, surroundings, output};
    auto const result = std::visit([&](auto const& command) { return execute(context, command); },
                                   invocation.value().command);
    return finish(output, with_reason(result, globals), context.code);
}

}  // namespace capstan::cli
