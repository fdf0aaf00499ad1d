// capstand, the server. See `capstand --help`.
#include <fmt/core.h>
#include <unistd.h>

#include <capstan/engine/os/out_of_memory.hpp>
#include <capstan/engine/os/system_clock.hpp>
#include <capstan/engine/os/system_random.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/server/config/invocation.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "health.hpp"
#include "part_options.hpp"
#include "process.hpp"
#include "server.hpp"

extern char** environ;

namespace capstan {
namespace {

Surroundings surroundings(int argc, char** argv) {
    Surroundings out{.read_file = read_text_file};
    out.arguments.assign(argv + 1, argv + argc);
    for (char** entry = environ; *entry != nullptr; ++entry) {
        std::string_view const text = *entry;
        auto const equals = text.find('=');
        out.environment.emplace_back(text.substr(0, equals),
                                     text.substr(std::min(text.size(), equals + 1)));
    }
    return out;
}

ExitCode fail(Error const& error) {
    fmt::print(stderr, "error {}\n", to_string(error));
    return exit_code_of(error.code);
}

std::string random_token() {
    SystemRandom random;
    DeviceId bytes;
    random.fill(bytes.bytes);
    return to_string(bytes);
}

ExitCode run_server(ServerConfig const& config, bool show, ReadConfig const& read_config) {
    SystemClock const clock;
    auto const log = open_log(STDERR_FILENO, log_options(config), clock);
    return serve(config, *log, read_config, [&](Addresses const& addresses) {
        log->info("serving",
                  "takes connections",
                  {{"url", addresses.url}, {"admin", addresses.admin_url}});
        if (show) {
            fmt::print("url    {}\nadmin  {}\ntoken  {}\ndata   {}\n",
                       addresses.url,
                       addresses.admin_url,
                       config.auth.dev_token,
                       config.data_dir);
            std::fflush(stdout);
        }
    });
}

/// A directory of its own that goes with the process, unless one was named.
ExitCode run_dev(LoadedConfig const& loaded) {
    auto config = loaded.config;
    if (config.auth.dev_token.empty()) {
        config.auth.dev_token = random_token();
    }
    if (config.data_dir != ServerConfig{}.data_dir) {
        return run_server(config, true, {});
    }
    auto name = (std::filesystem::temp_directory_path() / "capstan-dev-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
        return fail({Errc::disk_io, name + ": cannot be made"});
    }
    config.data_dir = name;
    auto const code = run_server(config, true, {});
    std::error_code ignored;
    std::filesystem::remove_all(name, ignored);
    return code;
}

ExitCode init(std::string const& path) {
    if (path.empty()) {
        fmt::print("{}", config_template());
        return ExitCode::clean;
    }
    if (std::filesystem::exists(path)) {
        return fail({Errc::config_invalid, path + " exists already"});
    }
    std::ofstream file(path);
    file << config_template();
    file.flush();
    return file ? ExitCode::clean : fail({Errc::config_invalid, path + ": cannot be written"});
}

ExitCode main(int argc, char** argv) {
    auto const given = surroundings(argc, argv);
    auto const invocation = read_invocation(given);
    if (!invocation) {
        return fail(invocation.error());
    }
    auto const& asked = invocation.value();
    if (!asked.answer.empty()) {
        fmt::print("{}", asked.answer);
        return ExitCode::clean;
    }
    if (asked.print_config) {
        fmt::print("{}", print_config(asked.loaded));
        return ExitCode::clean;
    }
    switch (asked.subcommand) {
        case Subcommand::serve:
            return run_server(asked.loaded.config, false, [&given]() -> Result<ServerConfig> {
                CAPSTAN_TRY(auto again, read_invocation(given));
                return std::move(again.loaded.config);
            });
        case Subcommand::dev:
            return run_dev(asked.loaded);
        case Subcommand::check_config:
            if (auto const files = check_files(asked.loaded.config); !files) {
                return fail(files.error());
            }
            fmt::print("the configuration is valid; capstand --print-config shows it\n");
            return ExitCode::clean;
        case Subcommand::health:
            return probe_health(asked.loaded.config);
        case Subcommand::init:
            return init(asked.init_path);
    }
    return ExitCode::other;
}

}  // namespace
}  // namespace capstan

int main(int argc, char** argv) {
    capstan::stop_when_memory_runs_out();
    try {
        return static_cast<int>(capstan::main(argc, argv));
    } catch (std::exception const& error) {
        fmt::print(stderr, "error {}\n", error.what());
        return static_cast<int>(capstan::ExitCode::other);
    }
}
