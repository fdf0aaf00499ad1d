#pragma once
#include <capstan/cli/options.hpp>
#include <capstan/schema/error.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::cli {

/// Reads a command line, its program's name left out. Flags win over the environment (CAPSTAN_ and
/// the flag's name). A request for help becomes `ShowText`.
/// Errors: `usage`, and those of the words in it, such as `stream_name_invalid`.
Result<Invocation> parse(std::vector<std::string> arguments, Surroundings const& surroundings);

/// The tree of commands, for completion and the reference page.
struct FlagSpec {
    std::string name;    // --timeout
    std::string letter;  // -s, or empty
    std::string help;
    bool takes_value = false;
    std::vector<std::string> values;  // where it is one of a few words
};
struct CommandSpec {
    std::vector<std::string> path;  // {"stream", "ls"}; empty: capstan itself
    std::string help;
    std::vector<FlagSpec> flags;
    std::vector<std::string> subcommands;
};
std::vector<CommandSpec> command_specs();

/// A script for `bash`, `zsh` or `fish`. Errors: `usage`.
Result<std::string> completion_script(std::string_view shell);

}  // namespace capstan::cli
