#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/server/config/config.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The registry of settings: one row makes the flag, the environment variable, the key of the
/// file, the help text, the validation and the reference page.
namespace capstan {

/// Where a setting lives in a ServerConfig. Its type decides how text is read.
using SettingField = std::variant<bool*, std::uint64_t*, std::string*, std::vector<std::string>*>;

struct Setting {
    std::string_view section;  // empty: at the top of the file
    std::string_view key;
    SettingField (*field)(ServerConfig& config);
    std::string_view shape;  // what stands for the value in help: `BYTES`, `HOST:PORT`, …
    std::string_view help;   // one sentence
    std::uint64_t min = 0;   // of numbers
    std::uint64_t max = ~std::uint64_t{0};
    Result<> (*check)(std::string_view text) = nullptr;  // of texts and the entries of lists
    bool secret = false;
};

std::span<Setting const> settings();

/// `journal.segment_bytes`, as messages name it.
std::string setting_name(Setting const& setting);
/// `--journal-segment-bytes`
std::string setting_flag(Setting const& setting);
/// `CAPSTAND_JOURNAL_SEGMENT_BYTES`
std::string setting_variable(Setting const& setting);

/// Reads a value into the config. Lists are separated by commas. Errors: `config_invalid`, without
/// the setting's name.
Result<> assign_setting(Setting const& setting, ServerConfig& config, std::string_view text);
/// The value as `assign_setting` reads it.
std::string setting_text(Setting const& setting, ServerConfig const& config);
/// The value as the file writes it: text in quotes, lists in brackets.
std::string setting_toml(Setting const& setting, ServerConfig const& config);

/// What only shows when settings meet. Errors: `config_invalid`.
Result<> check_config(ServerConfig const& config);

/// An address and a port: `127.0.0.1:7411`, `[::1]:7411`, `localhost:7411` (which is 127.0.0.1).
struct HostPort {
    std::string host;
    std::uint16_t port = 0;
};
/// Errors: `config_invalid`.
Result<HostPort> parse_host_port(std::string_view text);
bool is_loopback(std::string_view host);

/// The candidate with the fewest edits from `text`, or nothing when none is near.
std::string_view nearest(std::string_view text, std::span<std::string const> candidates);

}  // namespace capstan
