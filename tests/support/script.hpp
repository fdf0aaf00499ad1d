// Data-driven tests: a script is a text file of commands and the output that each one gives.
//
//     # The answer is lost: the device sends the same run again.
//     publish stream=chat/7 device=A text="two words"
//     optional lines of input
//     ----
//     accepted 1..2
//
// A command is a name and arguments `key=value`; a value with spaces stands in double quotes, where
// \" \\ \n mean themselves; a key alone is a flag. Input has no blank line. The expected output
// ends at the first blank line, so an output cannot hold one. Lines that start with # between
// commands are comments.
//
// With CAPSTAN_RERECORD=1 in the environment a script is rewritten with the output that it gives
// now; the change is reviewed as a diff.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capstan::test {

/// Arguments of a command in the order of the script. The getters throw std::invalid_argument for
/// a missing or unreadable value; the runner reports that with the place in the script.
class ScriptArgs {
  public:
    void add(std::string key, std::string value);

    bool has(std::string_view key) const;
    std::string const& text(std::string_view key) const;
    std::string text_or(std::string_view key, std::string_view fallback) const;

    template <std::integral Number = std::uint64_t>
    Number number(std::string_view key) const {
        std::string const& digits = text(key);
        Number value{};
        auto const [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error != std::errc{} || end != digits.data() + digits.size()) {
            throw std::invalid_argument("argument " + std::string(key) + "=" + digits +
                                        " is not a number in range");
        }
        return value;
    }

    template <std::integral Number = std::uint64_t>
    Number number_or(std::string_view key, Number fallback) const {
        return has(key) ? number<Number>(key) : fallback;
    }

    auto begin() const { return entries_.begin(); }
    auto end() const { return entries_.end(); }

  private:
    std::string const* find(std::string_view key) const;

    std::vector<std::pair<std::string, std::string>> entries_;  // keys are unique
};

struct ScriptCommand {
    std::string name;
    ScriptArgs args;
    std::string input;     // each line ends in \n; empty if there is none
    std::string location;  // `file:line` of the command
};

/// Carries out one command and returns its output, with or without a last newline.
using ScriptHandler = std::function<std::string(ScriptCommand const&)>;

/// Runs the script at `path`, relative to the root of the checkout, inside the current Boost test.
/// Each output that differs is one failed check, whose message begins with `file:line` and holds
/// the difference. What the handler throws fails the check and ends the script.
void run_script(std::string const& path, ScriptHandler const& handler);

/// The scripts below `folder` in order of name, for BOOST_DATA_TEST_CASE; throws if there are none.
std::vector<std::string> scripts_in(std::string const& folder);

/// What one pass over the text of a script gave.
struct ScriptReport {
    std::vector<std::string> failures;  // each begins with `name:line`
    std::string recorded;               // the text with the outputs given now
    bool completed = false;             // false: a command could not be read or threw
};

/// run_script without file and Boost: a pure function of its arguments.
ScriptReport replay_script(std::string_view name,
                           std::string_view text,
                           ScriptHandler const& handler);

}  // namespace capstan::test
