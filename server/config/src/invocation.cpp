#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <capstan/server/config/invocation.hpp>
#include <memory>
#include <optional>
#include <sstream>

namespace capstan {
namespace {

Error invalid(std::string detail) {
    return Error{Errc::config_invalid, std::move(detail)};
}

std::string suggestion(std::string_view text, std::vector<std::string> const& names) {
    auto const near = nearest(text, names);
    return near.empty() ? "" : " (did you mean " + std::string(near) + "?)";
}

std::vector<std::string> all_names(std::string (*name)(Setting const&)) {
    std::vector<std::string> names;
    for (auto const& setting : settings()) {
        names.push_back(name(setting));
    }
    return names;
}

class Layers {
  public:
    Layers() { loaded_.sources.assign(settings().size(), "default"); }

    Result<> set(std::size_t index, std::string_view text, std::string const& source) {
        auto const& setting = settings()[index];
        if (auto done = assign_setting(setting, loaded_.config, text); !done) {
            return invalid(setting_name(setting) + " from " + source + ": " + done.error().detail);
        }
        loaded_.sources[index] = source;
        return success();
    }
    LoadedConfig take() { return std::move(loaded_); }

  private:
    LoadedConfig loaded_;
};

// ---- the file

/// A value of the file as text, if it has the type that the setting has.
std::optional<std::string> file_text(Setting const& setting, toml::node const& node) {
    ServerConfig scratch;
    auto const field = setting.field(scratch);
    if (std::holds_alternative<bool*>(field) && node.is_boolean()) {
        return node.as_boolean()->get() ? "true" : "false";
    }
    if (std::holds_alternative<std::uint64_t*>(field) && node.is_integer()) {
        return std::to_string(node.as_integer()->get());
    }
    if (std::holds_alternative<std::string*>(field) && node.is_string()) {
        return node.as_string()->get();
    }
    if (std::holds_alternative<std::vector<std::string>*>(field) && node.is_array()) {
        std::string out;
        for (auto const& entry : *node.as_array()) {
            if (!entry.is_string()) {
                return std::nullopt;
            }
            out += (out.empty() ? "" : ",") + entry.as_string()->get();
        }
        return out;
    }
    return std::nullopt;
}

Result<> set_from_file(Layers& layers,
                       std::string_view section,
                       std::string_view key,
                       toml::node const& node,
                       std::string const& path) {
    auto const place = path + " line " + std::to_string(node.source().begin.line);
    auto const found = std::ranges::find_if(settings(), [&](Setting const& setting) {
        return setting.section == section && setting.key == key;
    });
    if (found == settings().end()) {
        auto const name = (section.empty() ? "" : std::string(section) + ".") + std::string(key);
        return invalid(name + " in " + place + ": unknown setting" +
                       suggestion(name, all_names(setting_name)));
    }
    auto const text = file_text(*found, node);
    if (!text) {
        return invalid(setting_name(*found) + " in " + place +
                       ": has the wrong type, its default is " +
                       setting_toml(*found, ServerConfig{}));
    }
    return layers.set(static_cast<std::size_t>(found - settings().begin()), *text, "file " + place);
}

Result<> read_file_layer(Layers& layers, std::string const& path, std::string const& text) {
    toml::table table;
    try {
        table = toml::parse(text, path);
    } catch (toml::parse_error const& error) {
        return invalid(path + " line " + std::to_string(error.source().begin.line) + ": " +
                       std::string(error.description()));
    }
    for (auto const& [key, node] : table) {
        if (auto const* section = node.as_table()) {
            for (auto const& [inner, value] : *section) {
                CAPSTAN_TRY(set_from_file(layers, key.str(), inner.str(), value, path));
            }
        } else {
            CAPSTAN_TRY(set_from_file(layers, {}, key.str(), node, path));
        }
    }
    return success();
}

// ---- the environment

/// The one variable that is no setting: it names the file with settings.
constexpr std::string_view kConfigVariable = "CAPSTAND_CONFIG";

Result<> read_environment_layer(Layers& layers, Surroundings const& surroundings) {
    auto const known = all_names(setting_variable);
    for (auto const& [name, value] : surroundings.environment) {
        if (auto const at = std::ranges::find(known, name); at != known.end()) {
            CAPSTAN_TRY(layers.set(static_cast<std::size_t>(at - known.begin()), value, name));
        } else if (name.starts_with("CAPSTAND_") && name != kConfigVariable) {
            return invalid(name + " in the environment: unknown setting" + suggestion(name, known));
        }
    }
    return success();
}

// ---- the flags

/// The words of the command line, before they mean anything.
struct Flags {
    std::vector<std::optional<std::string>> values;  // in the order of settings()
    std::string config_path;
    Invocation invocation;
};

std::string help_of(Setting const& setting) {
    auto const value = setting_text(setting, ServerConfig{});
    return std::string(setting.help) + (value.empty() ? "" : " [" + value + "]");
}

void declare_settings(CLI::App& app, Flags& flags) {
    flags.values.resize(settings().size());
    for (std::size_t i = 0; i < settings().size(); ++i) {
        auto const& setting = settings()[i];
        ServerConfig scratch;
        auto const group =
            setting.section.empty() ? "Server" : "[" + std::string(setting.section) + "]";
        auto const take = [&flags, i](std::string const& text) { flags.values[i] = text; };
        if (std::holds_alternative<bool*>(setting.field(scratch))) {
            app.add_flag_function(
                   setting_flag(setting) + "{true}",
                   [&flags, i](std::int64_t n) { flags.values[i] = n > 0 ? "true" : "false"; },
                   help_of(setting))
                ->group(group);
        } else {
            app.add_option_function<std::string>(setting_flag(setting), take, help_of(setting))
                ->type_name(std::string(setting.shape))
                ->group(group);
        }
    }
}

void declare_subcommands(CLI::App& app, Flags& flags) {
    auto const add = [&](char const* name, char const* help, Subcommand subcommand) {
        auto* command = app.add_subcommand(name, help);
        command->callback([&flags, subcommand] { flags.invocation.subcommand = subcommand; });
        command->fallthrough();
        command->footer("The settings of `capstand --help` work here, too.");
        return command;
    };
    add("dev",
        "Serve on loopback with a fresh token; without --data-dir the data is gone at the end",
        Subcommand::dev);
    add("check-config", "Check the configuration and stop", Subcommand::check_config);
    add("health", "Ask the server of this configuration whether it is ready", Subcommand::health);
    add("init", "Write a configuration file that explains every setting", Subcommand::init)
        ->add_option("FILE", flags.invocation.init_path, "Where to; standard output if left out");
    app.require_subcommand(0, 1);
}

Error unknown_words(std::vector<std::string> const& words) {
    auto const word = words.front().substr(0, words.front().find('='));
    auto names = all_names(setting_flag);
    names.insert(names.end(),
                 {"--config", "--print-config", "dev", "check-config", "health", "init"});
    return invalid(word + " on the command line: unknown" + suggestion(word, names) +
                   "; see capstand --help");
}

Result<Flags> read_flags(Surroundings const& surroundings) {
    Flags flags;
    CLI::App app("capstand: the Capstan server. Without a subcommand it serves.", "capstand");
    app.set_version_flag("--version", "capstand " CAPSTAN_VERSION);
    app.add_option("--config", flags.config_path, "Configuration file (TOML); see capstand init")
        ->type_name("FILE");
    app.add_flag("--print-config",
                 flags.invocation.print_config,
                 "Print every setting with its value and source, and stop");
    app.allow_extras();
    declare_settings(app, flags);
    declare_subcommands(app, flags);

    std::vector<std::string> reversed(surroundings.arguments.rbegin(),
                                      surroundings.arguments.rend());
    try {
        app.parse(std::move(reversed));
    } catch (CLI::CallForHelp const&) {
        flags.invocation.answer = app.help();
    } catch (CLI::CallForVersion const&) {
        flags.invocation.answer = app.version() + "\n";
    } catch (CLI::ParseError const& error) {
        return invalid(std::string("on the command line: ") + error.what());
    } catch (std::logic_error const&) {
        return invalid("on the command line: a flag's value is true or false");
    }
    if (auto const words = app.remaining(true); !words.empty() && flags.invocation.answer.empty()) {
        return unknown_words(words);
    }
    return flags;
}

Result<> read_flag_layer(Layers& layers, Flags const& flags) {
    for (std::size_t i = 0; i < flags.values.size(); ++i) {
        if (flags.values[i]) {
            CAPSTAN_TRY(layers.set(i, *flags.values[i], setting_flag(settings()[i])));
        }
    }
    return success();
}

std::string config_path(Flags const& flags, Surroundings const& surroundings) {
    if (!flags.config_path.empty()) {
        return flags.config_path;
    }
    auto const found = std::ranges::find(surroundings.environment,
                                         std::string(kConfigVariable),
                                         &std::pair<std::string, std::string>::first);
    return found == surroundings.environment.end() ? "" : found->second;
}

}  // namespace

Result<Invocation> read_invocation(Surroundings const& surroundings) {
    CAPSTAN_TRY(auto flags, read_flags(surroundings));
    Invocation invocation = std::move(flags.invocation);
    if (!invocation.answer.empty()) {
        return invocation;
    }
    Layers layers;
    if (auto const path = config_path(flags, surroundings); !path.empty()) {
        CAPSTAN_TRY(auto const text, surroundings.read_file(path));
        CAPSTAN_TRY(read_file_layer(layers, path, text));
    }
    CAPSTAN_TRY(read_environment_layer(layers, surroundings));
    CAPSTAN_TRY(read_flag_layer(layers, flags));
    invocation.loaded = layers.take();
    CAPSTAN_TRY(check_config(invocation.loaded.config));
    return invocation;
}

}  // namespace capstan
