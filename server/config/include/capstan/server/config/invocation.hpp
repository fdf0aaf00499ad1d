#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/server/config/config.hpp>
#include <capstan/server/config/settings.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capstan {

enum class Subcommand : std::uint8_t { serve, dev, check_config, health, init };

/// What a process is given: its words without the program's name, its environment, and how to read
/// a file.
struct Surroundings {
    std::vector<std::string> arguments;
    std::vector<std::pair<std::string, std::string>> environment;
    std::function<Result<std::string>(std::string const& path)> read_file;
};

/// A config and where each value of it comes from, in the order of `settings()`.
struct LoadedConfig {
    ServerConfig config;
    std::vector<std::string> sources;  // `default`, `file capstand.toml`, `CAPSTAND_…`, `--…`
};

struct Invocation {
    Subcommand subcommand = Subcommand::serve;
    bool print_config = false;
    std::string answer;     // --help, --version: print it and stop
    std::string init_path;  // init: where to write; empty for standard output
    LoadedConfig loaded;
};

/// Reads flags over environment over file over defaults. Pure but for `read_file`.
/// Errors: `config_invalid` (names the setting, its source and, for an unknown one, the nearest).
Result<Invocation> read_invocation(Surroundings const& surroundings);

/// Every setting with its value and source, as a file that can be used again. Secrets are redacted.
std::string print_config(LoadedConfig const& loaded);
/// A file with every setting, explained and commented out.
std::string config_template();
/// docs/configuration.md.
std::string config_reference();

}  // namespace capstan
