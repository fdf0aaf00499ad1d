#include <rapidcheck.h>
#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/cli/output.hpp>

#include "command_runner.hpp"

namespace capstan::cli {
namespace {

std::vector<Column> const kColumns{
    {.key = "seq", .right = true}, {.key = "device"}, {.key = "text", .shrinks = true}};

std::vector<std::vector<Cell>> const kRows{
    {std::uint64_t{9}, std::string("ada"), std::string("hello")},
    {std::uint64_t{10}, {}, std::string("a tab\tand a \x1b[31mred line\nthen more words")},
    {~std::uint64_t{0},
     std::string("gr\xc3\xbc"
                 "ezi"),
     JsonText{R"({"n":1})"}},
};

std::string list(OutputStyle const& style, std::vector<std::vector<Cell>> const& rows = kRows) {
    test::StringSink out;
    test::StringSink err;
    Output output(out, err, style);
    Rows shown(output, kColumns);
    for (auto const& row : rows) {
        shown.add(row);
    }
    shown.end();
    BOOST_TEST(err.text.empty());
    return out.text;
}

std::string one(OutputStyle const& style) {
    test::StringSink out;
    test::StringSink err;
    Output output(out, err, style);
    show(output, kColumns, kRows[1]);
    return out.text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(output)

BOOST_AUTO_TEST_CASE(a_table_on_a_terminal_is_aligned_and_fits) {
    BOOST_TEST(list({.format = Format::table, .terminal = true, .columns = 50}) ==
               "                 SEQ  DEVICE  TEXT\n"
               "                   9  ada     hello\n"
               "                  10  -       a tab\\tand a \\x1b[3\xe2\x80\xa6\n"
               "18446744073709551615  gr\xc3\xbc"
               "ezi  {\"n\":1}\n");
}

BOOST_AUTO_TEST_CASE(a_table_elsewhere_is_tab_separated_below_its_header) {
    BOOST_TEST(list({.format = Format::table}) ==
               "SEQ\tDEVICE\tTEXT\n"
               "9\tada\thello\n"
               "10\t-\ta tab\\tand a \\x1b[31mred line\\nthen more words\n"
               "18446744073709551615\tgr\xc3\xbc"
               "ezi\t{\"n\":1}\n");
}

BOOST_AUTO_TEST_CASE(plain_text_is_the_values_and_no_control_characters) {
    BOOST_TEST(list({}) ==
               "9\tada\thello\n"
               "10\t\ta tab\\tand a \\x1b[31mred line\\nthen more words\n"
               "18446744073709551615\tgr\xc3\xbc"
               "ezi\t{\"n\":1}\n");
    BOOST_TEST(one({}) ==
               "seq\t10\n"
               "device\t\n"
               "text\ta tab\\tand a \\x1b[31mred line\\nthen more words\n");
}

BOOST_AUTO_TEST_CASE(json_keeps_integers_and_control_characters_exact) {
    std::string const first = R"({"seq":9,"device":"ada","text":"hello"})";
    std::string const second =
        R"({"seq":10,"device":null,"text":"a tab\tand a \u001b[31mred line\nthen more words"})";
    std::string const third =
        "{\"seq\":18446744073709551615,\"device\":\"gr\xc3\xbc"
        "ezi\",\"text\":{\"n\":1}}";
    BOOST_TEST(list({.format = Format::json}) ==
               "[\n" + first + ",\n" + second + ",\n" + third + "\n]\n");
    BOOST_TEST(list({.format = Format::ndjson}) == first + "\n" + second + "\n" + third + "\n");
    BOOST_TEST(one({.format = Format::json}) == second + "\n");
}

BOOST_AUTO_TEST_CASE(an_empty_list_is_an_empty_array) {
    BOOST_TEST(list({.format = Format::json}, {}) == "[]\n");
    for (auto const format : {Format::table, Format::plain, Format::ndjson, Format::raw}) {
        BOOST_TEST(list({.format = format}, {}) == "");
    }
}

BOOST_AUTO_TEST_CASE(a_list_that_goes_on_is_shown_up_to_a_flush) {
    test::StringSink out;
    test::StringSink err;
    Output output(out, err, {.format = Format::table, .terminal = true, .columns = 80});
    Rows rows(output, kColumns);
    rows.add(kRows[0]);
    BOOST_TEST(out.text == "");
    rows.flush();
    BOOST_TEST(out.text == "SEQ  DEVICE  TEXT\n  9  ada     hello\n");
    rows.add({std::uint64_t{11}, std::string("bob"), std::string("longer than the first")});
    rows.end();
    BOOST_TEST(out.text ==
               "SEQ  DEVICE  TEXT\n  9  ada     hello\n 11  bob     long\xe2\x80\xa6\n");
}

BOOST_AUTO_TEST_CASE(quiet_silences_notes_and_not_errors) {
    test::StringSink out;
    test::StringSink err;
    Output output(out, err, {.quiet = true});
    output.note("done");
    output.error({Errc::not_found, "stream a/b\x1b[2J"});
    BOOST_TEST(
        err.text ==
        "error CAP-1301 not_found: stream a/b\\x1b[2J. Check the name that the detail gives; "
        "`capstan stream ls` lists streams.\n");
    BOOST_TEST(out.text.empty());
}

struct WidthRow {
    std::string text;
    std::size_t width;
    std::string in_five;
};

BOOST_AUTO_TEST_CASE(texts_are_cut_by_columns) {
    for (auto const& row : {
             WidthRow{"", 0, ""},
             WidthRow{"abcde", 5, "abcde"},
             WidthRow{"abcdef", 6, "abcd\xe2\x80\xa6"},
             WidthRow{"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
                      6,
                      "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xe2\x80\xa6"},
             WidthRow{"e\xcc\x81\x65\xcc\x81", 2, "e\xcc\x81\x65\xcc\x81"},
             WidthRow{
                 "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 6, "\xe6\x97\xa5\xe6\x9c\xac\xe2\x80\xa6"},
         }) {
        BOOST_TEST_CONTEXT(row.text) {
            BOOST_TEST(text_width(row.text) == row.width);
            BOOST_TEST(fitted(row.text, 5) == row.in_five);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_a_terminal_would_act_on_is_spelled_out) {
    BOOST_TEST(printable("a\xe2\x80\xae"
                         "b") == "a\\u{202e}b");
    BOOST_TEST(printable("\x7f\xc2\x9b") == "\\x7f\\u{9b}");
    BOOST_TEST(printable("\xff\xc3(") == "\\xff\\xc3(");
}

RC_BOOST_PROP(printable_text_has_no_control_character, (std::string const& text)) {
    for (unsigned char const c : printable(text)) {
        RC_ASSERT(c >= 0x20 && c != 0x7f);
    }
}

RC_BOOST_PROP(a_fitted_text_is_no_wider_than_asked, (std::string const& text, std::uint8_t width)) {
    RC_ASSERT(text_width(fitted(printable(text), width)) <= width);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan::cli
