// <capstan/cli.hpp> is `capstan`, the command line, as a library.
#pragma once
#include <capstan/cli/command_line.hpp>  // words to options; the tree of commands
#include <capstan/cli/exit_code.hpp>     // what scripts test
#include <capstan/cli/options.hpp>       // what each command was asked
#include <capstan/cli/output.hpp>        // tables, JSON, errors
#include <capstan/cli/run.hpp>           // all of it
#include <capstan/cli/surroundings.hpp>  // the world that it was started in
