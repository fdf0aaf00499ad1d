#include <boost/test/unit_test.hpp>
#include <capstan/importers/ndjson_mapping.hpp>
#include <capstan/schema/limits.hpp>

namespace capstan::importers {
namespace {

LineTemplate parsed(std::string_view text) {
    auto result = LineTemplate::parse(text);
    BOOST_TEST_REQUIRE(result.has_value());
    return std::move(result.value());
}

NdjsonMapping chat() {
    NdjsonMapping mapping;
    mapping.stream = parsed("irc/{channel}");
    mapping.author = parsed("{user|nobody}");
    mapping.id = parsed("{@file}:{@line}");
    mapping.type = parsed("Message");
    mapping.file = "chat.jsonl";
    return mapping;
}

std::vector<RegisterMapping> registers(std::vector<std::string_view> const& words) {
    std::vector<RegisterMapping> all;
    for (auto const word : words) {
        all.push_back(RegisterMapping::parse(word).value());
    }
    return all;
}

/// `insert id Type; field=value; …`, or `code: detail`.
std::string show(Result<MappedLine> const& line) {
    if (!line) {
        return std::string(describe(line.error().code).name) + ": " + line.error().detail;
    }
    struct ShowValue {
        std::string operator()(std::monostate) const { return "null"; }
        std::string operator()(bool value) const { return value ? "true" : "false"; }
        std::string operator()(std::int64_t value) const { return std::to_string(value); }
        std::string operator()(double value) const { return "~" + std::to_string(value); }
        std::string operator()(std::string const& value) const { return "'" + value + "'"; }
        std::string operator()(Bytes const&) const { return "bytes"; }
        std::string operator()(Reference const&) const { return "reference"; }
        std::string operator()(BlobReference const&) const { return "blob"; }
    };
    auto const& mapped = line.value();
    auto text = mapped.stream.str() + " " + mapped.author + ":";
    for (auto const& op : mapped.event.ops) {
        BOOST_TEST(op.object == mapped.object);
        text += op.kind == OpKind::insert
                    ? " " + op.object + " " + op.type
                    : " " + op.field + "=" + std::visit(ShowValue{}, op.value);
    }
    return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ndjson_mapping)

BOOST_AUTO_TEST_CASE(a_line_becomes_an_object_with_its_fields) {
    struct Row {
        std::string line;
        std::string shown;
    };
    for (auto const& row : std::vector<Row>{
             {R"({"channel":"a","user":"ada","n":1})",
              "irc/a ada: chat.jsonl:7 Message channel='a' user='ada' n=1"},
             {R"({"channel":12})", "irc/12 nobody: chat.jsonl:7 Message channel=12"},
             {R"({"channel":"#u b/=x"})",
              "irc/=23u=20b/=3Dx nobody: chat.jsonl:7 Message channel='#u b/=x'"},
             {R"({"channel":"{t}"})", "irc/=7Bt=7D nobody: chat.jsonl:7 Message channel='{t}'"},
             {" {\"channel\":\"a\",\"user\":null,\"ok\":true,\"x\":-1.5}\r",
              "irc/a nobody: chat.jsonl:7 Message channel='a' user=null ok=true x=~-1.500000"},
             {R"({"channel":"a","r":[3,"x"],"o":{"b":18446744073709551615}})",
              R"(irc/a nobody: chat.jsonl:7 Message channel='a' r='[3,"x"]' )"
              R"(o='{"b":18446744073709551615}')"},
             {R"({"channel":"a","n":9223372036854775807,"m":-9223372036854775808})",
              "irc/a nobody: chat.jsonl:7 Message channel='a' n=9223372036854775807 "
              "m=-9223372036854775808"},
         }) {
        BOOST_TEST_CONTEXT(row.line) {
            BOOST_TEST(show(map_line(chat(), row.line, 7)) == row.shown);
        }
    }
}

BOOST_AUTO_TEST_CASE(registers_name_what_is_taken) {
    auto mapping = chat();
    mapping.registers = registers({"text=body.plain", "channel", "dotted=a.b", "reply=thread?"});
    mapping.id = parsed("{channel}/{n}");
    mapping.type = parsed("{kind|Message}");
    BOOST_TEST(show(map_line(mapping,
                             R"({"channel":"a","n":4,"body":{"plain":"hi"},"a.b":1,"kind":"Join"})",
                             1)) == "irc/a nobody: a/4 Join text='hi' channel='a' dotted=1");
    BOOST_TEST(show(map_line(mapping, R"({"channel":"a","n":4,"a":{"b":2}})", 1)) ==
               "request_invalid: there is no field 'body.plain'; there are channel, n, a");
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_line_is_said) {
    std::string const deep = "{\"channel\":" + std::string(100, '[') + std::string(100, ']') + "}";
    struct Row {
        std::string line;
        std::string begins;
    };
    for (auto const& row : std::vector<Row>{
             {R"({"user":"a"})", "request_invalid: there is no field 'channel'; there are user"},
             {"{\"channel\":", "request_invalid: no JSON object: parse error at column 12"},
             {"[1]", "request_invalid: no JSON object: it is a value of type array"},
             {"{} {}", "request_invalid: no JSON object: parse error at column 4"},
             {"{\"channel\":\"\xff\"}",
              "request_invalid: no JSON object: parse error at column 13"},
             {R"({"channel":["a"]})",
              "request_invalid: field 'channel' is no text, number, true or false"},
             {R"({"channel":"a//b"})", "stream_name_invalid: irc/a//b"},
             {R"({"channel":"a","n":9223372036854775808})",
              "request_invalid: field 'n': 9223372036854775808 does not fit"},
             {R"({"channel":"a","n":1e400})", "request_invalid: no JSON object: number overflow"},
             {R"({"channel":"a","":1})", "request_invalid: a register's name has 1 to 255 bytes"},
             {deep, "request_invalid: its values are nested deeper than 64"},
             {"{\"channel\":\"" + std::string(kLineBytesMax, 'x') + "\"}",
              "too_large: it has more than 1000000 bytes"},
         }) {
        BOOST_TEST_CONTEXT(row.line.substr(0, 80)) {
            auto const shown = show(map_line(chat(), row.line, 1));
            BOOST_TEST(shown.substr(0, row.begins.size()) == row.begins);
        }
    }
    auto mapping = chat();
    for (auto const* id : {"", "{long}", "/import"}) {
        mapping.id = parsed(id);
        auto const line = R"({"channel":"a","long":")" + std::string(300, 'i') + "\"}";
        BOOST_TEST(show(map_line(mapping, line, 1)).find("is no id for an object") !=
                   std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(templates_have_a_grammar) {
    for (auto const* text : {"{a", "a}", "{}", "{|x}", "{@column}"}) {
        auto const result = LineTemplate::parse(text);
        BOOST_TEST_CONTEXT(text) {
            BOOST_TEST_REQUIRE(!result.has_value());
            BOOST_TEST((result.error().code == Errc::usage));
        }
    }
    auto const filled = parsed("{{{a}}}-{b|}{c|d e}").fill([](std::string const& field) {
        return Result<std::optional<std::string>>(field == "a" ? std::optional<std::string>("A")
                                                               : std::nullopt);
    });
    BOOST_TEST(filled.value() == "{A}-d e");
    BOOST_TEST(parsed("x{a|b}").names("a"));
    BOOST_TEST(!parsed("x{a|b}").names("b"));
    for (auto const* text : {"", "=x", "x=", "?"}) {
        BOOST_TEST(!RegisterMapping::parse(text).has_value());
    }
}

BOOST_AUTO_TEST_CASE(an_author_is_one_device_in_all_streams_of_an_import) {
    ImportId const one{parse_device("0000000000000000000000000000000a").value()};
    ImportId const two{parse_device("0000000000000000000000000000000b").value()};
    BOOST_TEST((line_author_device(one, "ada") == line_author_device(one, "ada")));
    BOOST_TEST((line_author_device(one, "ada") != line_author_device(one, "bob")));
    BOOST_TEST((line_author_device(one, "ada") != line_author_device(two, "ada")));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan::importers
