#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <capstan/server/config/invocation.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <support/script.hpp>

namespace {

using namespace capstan;
using capstan::test::ScriptCommand;

std::vector<std::string> words(std::string const& text) {
    std::istringstream in(text);
    return {std::istream_iterator<std::string>(in), {}};
}

/// The file is the command's input, the arguments and variables are words.
Surroundings surroundings_of(ScriptCommand const& command) {
    Surroundings surroundings;
    surroundings.arguments = words(command.args.text_or("args", ""));
    for (auto const& word : words(command.args.text_or("env", ""))) {
        auto const equals = word.find('=');
        surroundings.environment.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    }
    surroundings.read_file = [input =
                                  command.input](std::string const& path) -> Result<std::string> {
        if (path != "capstand.toml") {
            return Error{Errc::config_invalid, path + ": no such file"};
        }
        return input;
    };
    return surroundings;
}

std::string lines_with(std::string const& text, std::vector<std::string> const& wanted) {
    std::istringstream in(text);
    std::string out;
    for (std::string line; std::getline(in, line);) {
        for (auto const& word : wanted) {
            out += line.starts_with(word + " =") ? line + "\n" : "";
        }
    }
    return out;
}

char const* name_of(Subcommand subcommand) {
    char const* const names[] = {"serve", "dev", "check-config", "health", "init"};
    return names[static_cast<std::size_t>(subcommand)];
}

std::string run(ScriptCommand const& command) {
    auto const read = read_invocation(surroundings_of(command));
    if (!read) {
        return to_string(read.error());
    }
    auto const& invocation = read.value();
    return std::string(name_of(invocation.subcommand)) + "\n" +
           lines_with(print_config(invocation.loaded), words(command.args.text_or("show", "")));
}

std::string read_text(std::string const& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

Surroundings plain(std::vector<std::string> arguments) {
    return {std::move(arguments), {}, [](std::string const&) -> Result<std::string> {
                return Error{Errc::config_invalid, "no file"};
            }};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config)

BOOST_DATA_TEST_CASE(scripts, capstan::test::scripts_in("tests/server/config/scripts")) {
    capstan::test::run_script(sample, run);
}

BOOST_AUTO_TEST_CASE(every_setting_has_names_of_its_own_and_a_valid_default) {
    std::set<std::string> flags;
    for (auto const& setting : settings()) {
        BOOST_TEST_CONTEXT(setting_name(setting)) {
            BOOST_TEST(flags.insert(setting_flag(setting)).second);
            BOOST_TEST(setting.help.ends_with('.'));
            ServerConfig config;
            auto const text = setting_text(setting, config);
            BOOST_TEST((text.empty() || assign_setting(setting, config, text).has_value()));
            BOOST_TEST(setting_text(setting, config) == text);
        }
    }
    BOOST_TEST(check_config(ServerConfig{}).has_value());
}

BOOST_AUTO_TEST_CASE(printed_configuration_reads_back_as_the_same_values) {
    auto first = read_invocation(plain({"--net-origins=https://a.example,https://b.example",
                                        "--insecure",
                                        "--rate-events-per-second=7"}));
    BOOST_TEST_REQUIRE(first.has_value());
    auto const printed = print_config(first.value().loaded);
    auto again = plain({"--config", "x"});
    again.read_file = [&](std::string const&) -> Result<std::string> { return printed; };
    auto const second = read_invocation(again);
    BOOST_TEST_REQUIRE(second.has_value());
    for (auto const& setting : settings()) {
        BOOST_TEST(setting_text(setting, first.value().loaded.config) ==
                   setting_text(setting, second.value().loaded.config));
    }
}

BOOST_AUTO_TEST_CASE(template_with_every_line_switched_on_is_a_valid_file_of_defaults) {
    std::string text;
    std::istringstream in(config_template());
    for (std::string line; std::getline(in, line);) {
        text += (line.starts_with("#") && !line.starts_with("# ") ? line.substr(1) : line) + "\n";
    }
    auto surroundings = plain({"--config", "x"});
    surroundings.read_file = [&](std::string const&) -> Result<std::string> {
        // An unset path is no path: it stays commented out.
        auto const at = text.find("token_file = \"\"");
        return text.substr(0, at) + "#" + text.substr(at);
    };
    auto const read = read_invocation(surroundings);
    BOOST_TEST_REQUIRE(read.has_value(), (read ? "" : read.error().detail));
    BOOST_TEST(setting_text(settings()[0], read.value().loaded.config) == "capstan-data");
}

BOOST_AUTO_TEST_CASE(reference_page_is_the_registry) {
    char const* const path = "docs/configuration.md";
    if (std::getenv("CAPSTAN_RERECORD")) {
        std::ofstream(path) << config_reference();
    }
    BOOST_TEST(read_text(path) == config_reference());
}

BOOST_AUTO_TEST_CASE(help_names_every_flag) {
    auto const read = read_invocation(plain({"--help"}));
    BOOST_TEST_REQUIRE(read.has_value());
    for (auto const& setting : settings()) {
        BOOST_TEST(read.value().answer.find(setting_flag(setting)) != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(addresses_are_read_with_brackets_and_without) {
    struct Row {
        char const* text;
        char const* host;
        int port;  // -1: refused
    };
    Row const rows[] = {
        {"127.0.0.1:80", "127.0.0.1", 80},
        {"[::1]:0", "::1", 0},
        {"localhost:65535", "127.0.0.1", 65535},
        {"0.0.0.0:1", "0.0.0.0", 1},
        {"127.0.0.1.example:80", "", -1},
        {"some.host:80", "", -1},
        {"::1:80", "", -1},
        {"127.0.0.1", "", -1},
        {"127.0.0.1:", "", -1},
        {":80", "", -1},
        {"127.0.0.1:65536", "", -1},
        {"127.0.0.1:8x", "", -1},
    };
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.text) {
            auto const parsed = parse_host_port(row.text);
            BOOST_TEST_REQUIRE(parsed.has_value() == (row.port >= 0));
            if (parsed) {
                BOOST_TEST(parsed.value().host == row.host);
                BOOST_TEST(parsed.value().port == row.port);
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
