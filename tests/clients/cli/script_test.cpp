#include "support/script.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <sstream>

#include "command_runner.hpp"

namespace capstan::cli::test {
namespace {

std::vector<std::string> words_of(std::string const& line) {
    std::istringstream in(line);
    std::vector<std::string> words;
    for (std::string word; in >> word;) {
        words.push_back(word);
    }
    return words;
}

/// Each line with a mark of where it came from; scripts end an output at an empty line.
std::string marked(std::string const& text, std::string const& mark) {
    std::string out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        out += mark + line + "\n";
    }
    return out;
}

/// Command `capstan`: `line` is what stands behind it, `columns` the width of the terminal, other
/// arguments are the environment.
std::string run_command(capstan::test::ScriptCommand const& command) {
    Setting setting{.input = command.input,
                    .terminal_columns = command.args.number_or<std::size_t>("columns", 0)};
    for (auto const& [key, value] : command.args) {
        if (key != "line" && key != "columns") {
            setting.environment[key] = value;
        }
    }
    auto const outcome = run(words_of(command.args.text("line")), setting);
    return marked(outcome.out, "| ") + marked(outcome.err, "! ") + "exit " +
           std::to_string(static_cast<int>(outcome.code)) + "\n";
}

}  // namespace

BOOST_DATA_TEST_CASE(command_line_script,
                     capstan::test::scripts_in("tests/clients/cli/scripts"),
                     path) {
    capstan::test::run_script(path, run_command);
}

}  // namespace capstan::cli::test
