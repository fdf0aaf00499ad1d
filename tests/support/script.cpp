#include "script.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace capstan::test {

namespace {

using Lines = std::vector<std::string>;

Lines split_lines(std::string_view text) {
    Lines lines;
    while (!text.empty()) {
        auto const length = std::min(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, length));
        text.remove_prefix(std::min(length + 1, text.size()));
    }
    return lines;
}

/// The two texts as one, lines marked ' ' in both, '-' only expected, '+' only actual. The table
/// holds the length of the longest common subsequence of what follows (row, column).
std::string difference(Lines const& expected, Lines const& actual) {
    auto const rows = expected.size();
    auto const columns = actual.size();
    std::vector<std::vector<std::size_t>> common(rows + 1, std::vector<std::size_t>(columns + 1));
    for (std::size_t r = rows; r-- > 0;) {
        for (std::size_t c = columns; c-- > 0;) {
            common[r][c] = expected[r] == actual[c] ? common[r + 1][c + 1] + 1
                                                    : std::max(common[r + 1][c], common[r][c + 1]);
        }
    }
    std::string text;
    std::size_t r = 0;
    std::size_t c = 0;
    while (r < rows || c < columns) {
        if (r < rows && c < columns && expected[r] == actual[c]) {
            text += "  " + expected[r] + "\n";
            ++r;
            ++c;
        } else if (c == columns || (r < rows && common[r + 1][c] >= common[r][c + 1])) {
            text += "- " + expected[r++] + "\n";
        } else {
            text += "+ " + actual[c++] + "\n";
        }
    }
    return text;
}

/// Reads the words of a command line from left to right.
class CommandReader {
  public:
    explicit CommandReader(std::string_view line) : rest_(line) {}

    bool next_word() {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size()));
        return !rest_.empty();
    }
    std::string bare(std::string_view stops) {
        auto const length = std::min(rest_.find_first_of(stops), rest_.size());
        std::string word(rest_.substr(0, length));
        rest_.remove_prefix(length);
        return word;
    }
    bool skip(char c) {
        if (!rest_.starts_with(c)) {
            return false;
        }
        rest_.remove_prefix(1);
        return true;
    }
    std::string value() { return skip('"') ? quoted() : bare(" "); }

  private:
    std::string quoted() {
        std::string text;
        while (!skip('"')) {
            bool const escaped = skip('\\');
            if (rest_.empty()) {
                throw std::invalid_argument("a quote is not closed");
            }
            char const c = rest_.front();
            rest_.remove_prefix(1);
            text += escaped && c == 'n' ? '\n' : c;
        }
        return text;
    }

    std::string_view rest_;
};

ScriptCommand read_command(std::string_view line, std::string location) {
    CommandReader reader(line);
    ScriptCommand command;
    command.location = std::move(location);
    command.name = reader.bare(" ");
    while (reader.next_word()) {
        std::string key = reader.bare(" =");
        command.args.add(std::move(key), reader.skip('=') ? reader.value() : "");
    }
    return command;
}

/// One pass over a script: copies its text to the report, with the outputs given now.
class Replay {
  public:
    Replay(std::string_view name, std::string_view text, ScriptHandler const& handler)
        : name_(name), lines_(split_lines(text)), handler_(handler) {}

    ScriptReport run() {
        std::size_t commands = 0;
        while (next_ < lines_.size()) {
            if (lines_[next_].empty() || lines_[next_].starts_with('#')) {
                copy_line();
                continue;
            }
            std::string const location = name_ + ":" + std::to_string(next_ + 1);
            try {
                run_command(location);
            } catch (std::exception const& error) {
                report_.failures.push_back(location + ": " + error.what());
                return std::move(report_);
            }
            ++commands;
        }
        if (commands == 0) {
            report_.failures.push_back(name_ + ":1: the script has no commands");
        }
        report_.completed = true;
        return std::move(report_);
    }

  private:
    std::string const& copy_line() {
        report_.recorded += lines_[next_] + "\n";
        return lines_[next_++];
    }

    void run_command(std::string const& location) {
        ScriptCommand command = read_command(copy_line(), location);
        command.input = copy_input();
        Lines const actual = split_lines(handler_(command));
        if (std::ranges::find(actual, "") != actual.end()) {
            throw std::runtime_error("the output has a blank line, which would end it");
        }
        for (auto const& line : actual) {
            report_.recorded += line + "\n";
        }
        Lines const expected = take_expected();
        if (actual != expected) {
            report_.failures.push_back(location + ": the output of " + command.name +
                                       " differs (- expected, + actual)\n" +
                                       difference(expected, actual));
        }
    }

    std::string copy_input() {
        std::string input;
        while (next_ < lines_.size() && !lines_[next_].empty()) {
            std::string const& line = copy_line();
            if (line == "----") {
                return input;
            }
            input += line + "\n";
        }
        throw std::invalid_argument("no ---- after the command and its input");
    }

    Lines take_expected() {
        Lines expected;
        while (next_ < lines_.size() && !lines_[next_].empty()) {
            expected.push_back(lines_[next_++]);
        }
        return expected;
    }

    std::string name_;
    Lines lines_;
    ScriptHandler const& handler_;
    std::size_t next_ = 0;  // the line to read; <= lines_.size()
    ScriptReport report_;
};

std::string read_file(std::string const& path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
        throw std::runtime_error("cannot read " + path + "; tests run in the root of the checkout");
    }
    return {std::istreambuf_iterator<char>(stream), {}};
}

void write_file(std::string const& path, std::string const& text) {
    std::ofstream stream(path, std::ios::binary);
    stream << text;
    stream.close();
    if (!stream) {
        throw std::runtime_error("cannot write " + path);
    }
}

bool recording() {
    char const* const value = std::getenv("CAPSTAN_RERECORD");
    return value != nullptr && std::string_view(value) == "1";
}

}  // namespace

void ScriptArgs::add(std::string key, std::string value) {
    if (key.empty() || has(key)) {
        throw std::invalid_argument("argument '" + key + "' has no name or stands twice");
    }
    entries_.emplace_back(std::move(key), std::move(value));
}

std::string const* ScriptArgs::find(std::string_view key) const {
    auto const entry = std::ranges::find(entries_, key, &decltype(entries_)::value_type::first);
    return entry == entries_.end() ? nullptr : &entry->second;
}

bool ScriptArgs::has(std::string_view key) const {
    return find(key) != nullptr;
}

std::string const& ScriptArgs::text(std::string_view key) const {
    if (auto const* const value = find(key)) {
        return *value;
    }
    throw std::invalid_argument("argument " + std::string(key) + " is missing");
}

std::string ScriptArgs::text_or(std::string_view key, std::string_view fallback) const {
    auto const* const value = find(key);
    return value != nullptr ? *value : std::string(fallback);
}

ScriptReport replay_script(std::string_view name,
                           std::string_view text,
                           ScriptHandler const& handler) {
    return Replay(name, text, handler).run();
}

void run_script(std::string const& path, ScriptHandler const& handler) {
    std::string const text = read_file(path);
    ScriptReport const report = replay_script(path, text, handler);
    if (recording() && report.completed) {
        if (report.recorded != text) {
            write_file(path, report.recorded);
        }
        return;
    }
    for (auto const& failure : report.failures) {
        BOOST_ERROR(failure);
    }
    BOOST_TEST(report.failures.empty());
}

std::vector<std::string> scripts_in(std::string const& folder) {
    std::vector<std::string> scripts;
    for (auto const& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.is_regular_file()) {
            scripts.push_back(entry.path().string());
        }
    }
    if (scripts.empty()) {
        throw std::runtime_error("no scripts below " + folder);
    }
    std::ranges::sort(scripts);
    return scripts;
}

}  // namespace capstan::test
