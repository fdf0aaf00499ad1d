// The client's session, outbox and subscriptions, told as stories: tests/engine/scripts/.
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "script_bed.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

std::string const kScripts = "tests/engine/scripts";

std::string read(std::string const& path) {
    std::ifstream file(path, std::ios::binary);
    BOOST_REQUIRE_MESSAGE(file, "cannot read " << path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The cells of a table's row, without the spaces around them.
std::vector<std::string> cells(std::string_view line) {
    std::vector<std::string> out;
    line.remove_prefix(1);
    while (!line.empty()) {
        auto const length = line.find('|');
        auto cell = line.substr(0, length);
        line.remove_prefix(std::min(length + 1, line.size()));
        cell.remove_prefix(std::min(cell.find_first_not_of(" `"), cell.size()));
        out.emplace_back(cell.substr(0, cell.find_last_not_of(" `") + 1));
    }
    return out;
}

/// The rows of the table below the line that starts with `heading`.
std::vector<std::vector<std::string>> table(std::string const& text, std::string const& heading) {
    std::vector<std::vector<std::string>> rows;
    auto at = text.find("\n" + heading);
    BOOST_REQUIRE_MESSAGE(at != std::string::npos, "docs/protocol.md has no table " << heading);
    at = text.find('\n', text.find('\n', at + 1) + 1) + 1;  // behind the line of dashes
    while (at < text.size() && text[at] == '|') {
        auto const end = text.find('\n', at);
        rows.push_back(cells(std::string_view(text).substr(at, end - at)));
        at = end + 1;
    }
    return rows;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scripts)

BOOST_DATA_TEST_CASE(session_script, boost::unit_test::data::make(scripts_in(kScripts)), path) {
    ScriptBed bed;
    run_script(path, [&bed](ScriptCommand const& command) { return bed.run(command); });
}

BOOST_AUTO_TEST_CASE(each_row_of_the_session_table_is_walked_by_a_script) {
    std::set<std::size_t> walked;
    for (auto const& path : scripts_in(kScripts)) {
        ScriptBed bed(&walked);
        replay_script(
            path, read(path), [&bed](ScriptCommand const& command) { return bed.run(command); });
    }
    for (std::size_t row = 0; row < sync::kTransitions.size(); ++row) {
        auto const& [from, on, to, effects] = sync::kTransitions[row];
        BOOST_TEST(walked.contains(row),
                   "no script walks from " << to_string(from) << " by " << to_string(on));
    }
}

BOOST_AUTO_TEST_CASE(the_session_table_in_the_document_is_the_one_in_the_code) {
    auto const rows = table(read("docs/protocol.md"), "| state | input |");
    BOOST_TEST_REQUIRE(rows.size() == sync::kTransitions.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        auto const& expected = sync::kTransitions[row];
        BOOST_TEST_REQUIRE(rows[row].size() == 4U);
        BOOST_TEST(rows[row][0] == to_string(expected.from));
        BOOST_TEST(rows[row][1] == to_string(expected.on));
        BOOST_TEST(rows[row][2] == to_string(expected.to));
        BOOST_TEST(rows[row][3] == expected.effects);
    }
}

/// `inline constexpr std::size_t kName = 8 * 1'048'576;` as name and value.
std::map<std::string, std::uint64_t> limits_in_the_code() {
    std::map<std::string, std::uint64_t> limits;
    std::istringstream header(read("schema/include/capstan/schema/limits.hpp"));
    for (std::string line; std::getline(header, line);) {
        std::string const start = "inline constexpr std::size_t ";
        if (!line.starts_with(start)) {
            continue;
        }
        std::erase(line, '\'');
        std::istringstream words(line.substr(start.size()));
        std::string name;
        std::string equals;
        std::uint64_t value = 0;
        words >> name >> equals >> value;
        std::string times;
        if (std::uint64_t factor = 0; words >> times >> factor && times == "*") {
            value *= factor;
        }
        limits[name] = value;
    }
    return limits;
}

BOOST_AUTO_TEST_CASE(the_limits_in_the_document_are_those_in_the_code) {
    auto const limits = limits_in_the_code();
    BOOST_TEST(limits.at("kFrameBytesMax") == kFrameBytesMax);
    auto const rows = table(read("docs/protocol.md"), "| constant | value |");
    BOOST_TEST(rows.size() == limits.size());
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row[0]) {
            BOOST_TEST_REQUIRE(limits.contains(row[0]));
            BOOST_TEST(row[1] == std::to_string(limits.at(row[0])));
        }
    }
}

BOOST_AUTO_TEST_CASE(no_pair_of_state_and_input_stands_twice) {
    std::set<std::pair<sync::SessionState, sync::SessionInput>> pairs;
    for (auto const& row : sync::kTransitions) {
        BOOST_TEST(pairs.insert({row.from, row.on}).second);
    }
}

BOOST_AUTO_TEST_SUITE_END()
