#include "script.hpp"

#include <boost/test/unit_test.hpp>
#include <optional>

namespace {

using capstan::test::replay_script;
using capstan::test::run_script;
using capstan::test::ScriptCommand;
using capstan::test::ScriptReport;

/// Gives back what it was asked: name, arguments, then input.
std::string echo(ScriptCommand const& command) {
    std::string output = command.name;
    for (auto const& [key, value] : command.args) {
        output += " " + key + "=[" + value + "]";
    }
    return output + "\n" + command.input;
}

ScriptReport replay(std::string_view text) {
    return replay_script("story", text, echo);
}

std::string only_failure(ScriptReport const& report) {
    BOOST_TEST_REQUIRE(report.failures.size() == 1U);
    return report.failures.front();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(script)

BOOST_AUTO_TEST_CASE(script_file_replays_with_its_recorded_output) {
    run_script("tests/support/script_test.script", echo);
}

BOOST_AUTO_TEST_CASE(matching_script_has_no_failures_and_records_itself) {
    std::string const text = "# why\n\na x=1 y\nline\n----\na x=[1] y=[]\nline\n\nb\n----\nb\n";
    auto const report = replay(text);
    BOOST_TEST(report.failures.empty());
    BOOST_TEST(report.completed);
    BOOST_TEST(report.recorded == text);
}

BOOST_AUTO_TEST_CASE(different_output_is_reported_with_place_and_difference) {
    auto const report = replay("# first\na\nkept\nnew\n----\na\ngone\nkept\n\nb\n----\nb\n");
    BOOST_TEST(only_failure(report) ==
               "story:2: the output of a differs (- expected, + actual)\n"
               "  a\n- gone\n  kept\n+ new\n");
    BOOST_TEST(report.recorded == "# first\na\nkept\nnew\n----\na\nkept\nnew\n\nb\n----\nb\n");
}

BOOST_AUTO_TEST_CASE(output_is_recorded_where_there_was_none) {
    BOOST_TEST(replay("a\n----\n\nb\n----").recorded == "a\n----\na\n\nb\n----\nb\n");
}

BOOST_AUTO_TEST_CASE(quoted_values_hold_spaces_quotes_and_newlines) {
    auto const report = replay(R"(a t="two words" u="\"\\" v="x=y" w=p=q
----
a t=[two words] u=["\] v=[x=y] w=[p=q]
)");
    BOOST_TEST(report.failures.empty());
    std::optional<std::string> value;
    replay_script("story", "a t=\"1\\n2\"\n----\n", [&](ScriptCommand const& command) {
        value = command.args.text("t");
        return std::string();
    });
    BOOST_TEST(value.value() == "1\n2");
}

BOOST_AUTO_TEST_CASE(unreadable_scripts_fail_at_their_line) {
    struct Row {
        char const* name;
        char const* text;
        char const* failure;
    };
    Row const rows[] = {
        {"empty", "", "story:1: the script has no commands"},
        {"comments only", "# a\n", "story:1: the script has no commands"},
        {"no separator", "\na\nb\n", "story:2: no ---- after the command and its input"},
        {"blank in input", "a\n\n----\n", "story:1: no ---- after the command and its input"},
        {"open quote", "a t=\"x\n----\n", "story:1: a quote is not closed"},
        {"twice", "a t=1 t=2\n----\n", "story:1: argument 't' has no name or stands twice"},
        {"no key", "a =1\n----\n", "story:1: argument '' has no name or stands twice"},
    };
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            BOOST_TEST(only_failure(replay(row.text)) == row.failure);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_the_handler_throws_ends_the_script) {
    auto const report = replay_script("story", "a n=x\n----\n\nb\n----\n", [](auto const& command) {
        return std::to_string(command.args.number("n"));
    });
    BOOST_TEST(only_failure(report) == "story:1: argument n=x is not a number in range");
    BOOST_TEST(!report.completed);
}

BOOST_AUTO_TEST_CASE(blank_line_in_the_output_fails) {
    auto const report =
        replay_script("story", "a\n----\n", [](auto const&) { return std::string("1\n\n2"); });
    BOOST_TEST(only_failure(report) == "story:1: the output has a blank line, which would end it");
}

BOOST_AUTO_TEST_CASE(arguments_are_read_by_type) {
    replay_script("story", "a n=7 i=-3 flag big=300\n----\n", [](ScriptCommand const& command) {
        auto const& args = command.args;
        BOOST_TEST(args.number("n") == 7U);
        BOOST_TEST(args.number<int>("i") == -3);
        BOOST_TEST(args.number_or("absent", 9) == 9);
        BOOST_TEST(args.text_or("absent", "none") == "none");
        BOOST_TEST(args.has("flag"));
        BOOST_TEST(args.text("flag") == "");
        BOOST_CHECK_THROW(args.number<std::uint8_t>("big"), std::invalid_argument);
        BOOST_CHECK_THROW(args.number("i"), std::invalid_argument);
        BOOST_CHECK_THROW(args.text("absent"), std::invalid_argument);
        BOOST_TEST(command.location == "story:1");
        return std::string();
    });
}

BOOST_AUTO_TEST_CASE(scripts_are_found_in_order_of_name) {
    BOOST_CHECK_THROW(capstan::test::scripts_in("no/such/folder"), std::exception);
    BOOST_TEST(capstan::test::scripts_in("tests/support").size() >= 1U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(properties)

RC_BOOST_PROP(recorded_script_replays_without_failure, (std::vector<std::uint16_t> const& values)) {
    std::string text = "first\n----\n\n";
    for (auto const value : values) {
        text += "put value=" + std::to_string(value) + "\n----\n\n";
    }
    auto const recorded = replay(text).recorded;
    RC_ASSERT(replay(recorded).failures.empty());
    RC_ASSERT(replay(recorded).recorded == recorded);
}

BOOST_AUTO_TEST_SUITE_END()
