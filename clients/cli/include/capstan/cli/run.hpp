#pragma once
#include <capstan/cli/exit_code.hpp>
#include <capstan/cli/surroundings.hpp>
#include <string>
#include <vector>

namespace capstan::cli {

/// All of `capstan`: reads the command line, runs the command, shows its error if it has one.
ExitCode run(std::vector<std::string> arguments, Surroundings& surroundings);

}  // namespace capstan::cli
