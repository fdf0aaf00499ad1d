#include <algorithm>
#include <array>
#include <capstan/cli/command_line.hpp>
#include <utility>

#include "grammar.hpp"

namespace capstan::cli {
namespace {

/// Flags whose value may come from the environment, as CAPSTAN_ and their name.
constexpr std::array kFromEnvironment{"server",
                                      "token-file",
                                      "ca-file",
                                      "timeout",
                                      "output",
                                      "color",
                                      "quiet",
                                      "verbose",
                                      "no-progress",
                                      "yes"};

std::string variable_of(std::string_view flag) {
    std::string name = "CAPSTAN_" + std::string(flag);
    std::ranges::transform(name, name.begin(), [](char c) {
        return c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return name;
}

/// The environment's flags come first, and of several the last one counts.
std::vector<std::string> with_environment(std::vector<std::string> arguments,
                                          Surroundings const& surroundings) {
    std::vector<std::string> all;
    for (std::string_view const flag : kFromEnvironment) {
        if (auto const value = surroundings.environment(variable_of(flag));
            value && !value->empty()) {
            all.push_back("--" + std::string(flag) + "=" + *value);
        }
    }
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
}

std::string one_line(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    return text;
}

/// What the group has that the line got to; empty if it got to none.
std::string known_in(CLI::App const& app) {
    if (auto const reached = app.get_subcommands(); !reached.empty()) {
        return known_in(*reached.front());
    }
    std::string names;
    for (auto const* command : app.get_subcommands([](CLI::App const*) { return true; })) {
        names += (names.empty() ? "" : ", ") + command->get_name();
    }
    bool const is_group = app.get_parent() != nullptr && !names.empty();
    return is_group ? "; `capstan " + app.get_name() + "` has " + names : "";
}

Result<Invocation> interpret(Grammar& grammar, std::vector<std::string> arguments) {
    std::ranges::reverse(arguments);  // CLI11 takes them from the back
    try {
        grammar.app.parse(std::move(arguments));
    } catch (CLI::CallForHelp const&) {
        return Invocation{grammar.globals, ShowText{grammar.app.help()}};
    } catch (CLI::CallForAllHelp const&) {
        return Invocation{grammar.globals, ShowText{grammar.app.help("", CLI::AppFormatMode::All)}};
    } catch (CLI::ParseError const& error) {
        if (grammar.refused) {
            return *grammar.refused;
        }
        if (auto const unknown = grammar.app.remaining(true); !unknown.empty()) {
            return Error{Errc::usage,
                         "'" + unknown.front() + "' is not known here" + known_in(grammar.app)};
        }
        return Error{Errc::usage, one_line(error.what())};
    }
    if (grammar.refused) {
        return *grammar.refused;
    }
    CAPSTAN_INVARIANT(grammar.chosen.has_value());
    return Invocation{grammar.globals, *grammar.chosen};
}

FlagSpec flag_spec(CLI::Option const& option) {
    FlagSpec flag;
    flag.name = "--" + option.get_lnames().front();
    flag.letter = option.get_snames().empty() ? "" : "-" + option.get_snames().front();
    flag.help = option.get_description();
    flag.takes_value = option.get_items_expected_max() > 0;
    std::string const type = option.get_type_name();
    for (std::size_t at = 0; type.find('|') != std::string::npos && at <= type.size();) {
        auto const end = std::min(type.find('|', at), type.size());
        flag.values.push_back(type.substr(at, end - at));
        at = end + 1;
    }
    return flag;
}

void collect(CLI::App& app, std::vector<std::string> const& path, std::vector<CommandSpec>& specs) {
    CommandSpec spec{path, app.get_description(), {}, {}};
    for (auto const* option : app.get_options()) {
        bool const inherited = !path.empty() && option->check_lname("help-all");
        if (!option->get_lnames().empty() && !inherited) {
            spec.flags.push_back(flag_spec(*option));
        }
    }
    auto const children = app.get_subcommands([](CLI::App*) { return true; });
    for (auto const* child : children) {
        spec.subcommands.push_back(child->get_name());
    }
    specs.push_back(std::move(spec));
    for (auto* child : children) {
        auto child_path = path;
        child_path.push_back(child->get_name());
        collect(*child, child_path, specs);
    }
}

}  // namespace

Result<Invocation> parse(std::vector<std::string> arguments, Surroundings const& surroundings) {
    Grammar grammar;
    return interpret(grammar, with_environment(std::move(arguments), surroundings));
}

std::vector<CommandSpec> command_specs() {
    Grammar grammar;
    std::vector<CommandSpec> specs;
    collect(grammar.app, {}, specs);
    return specs;
}

}  // namespace capstan::cli
