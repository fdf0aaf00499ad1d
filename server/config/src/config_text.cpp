// Texts made from the registry: the effective configuration, the template, the reference page.
#include <capstan/server/config/invocation.hpp>
#include <capstan/server/config/reload.hpp>

namespace capstan {
namespace {

std::string default_toml(Setting const& setting) {
    return setting_toml(setting, ServerConfig{});
}

std::string bounds(Setting const& setting) {
    bool const number = setting.max != 0 && setting.max != ~std::uint64_t{0};
    return number ? std::to_string(setting.min) + " to " + std::to_string(setting.max) : "";
}

/// Calls `open` before the first setting of each section and `row` for every setting.
template <class Open, class Row>
void walk(Open open, Row row) {
    Setting const* before = nullptr;
    for (std::size_t i = 0; i < settings().size(); ++i) {
        Setting const& setting = settings()[i];
        if (before == nullptr || before->section != setting.section) {
            open(setting.section);
        }
        row(setting, i);
        before = &setting;
    }
}

}  // namespace

std::string print_config(LoadedConfig const& loaded) {
    std::string out;
    auto const open = [&](std::string_view section) {
        if (!section.empty()) {
            out.append("\n[").append(section).append("]\n");
        }
    };
    walk(open, [&](Setting const& setting, std::size_t i) {
        bool const hidden = setting.secret && !setting_text(setting, loaded.config).empty();
        auto const value = hidden ? "\"(redacted)\"" : setting_toml(setting, loaded.config);
        out.append(setting.key).append(" = ").append(value);
        out.append("  # ").append(loaded.sources[i]).append("\n");
    });
    return out;
}

std::string config_template() {
    std::string out =
        "# Configuration of capstand. Every setting is shown with its default; remove the # to\n"
        "# change one. A flag or an environment variable of the same name wins over this file.\n";
    auto const open = [&](std::string_view section) {
        if (!section.empty()) {
            out.append("\n[").append(section).append("]\n");
        }
    };
    walk(open, [&](Setting const& setting, std::size_t) {
        out.append("# ").append(setting.help).append("\n");
        out.append("#")
            .append(setting.key)
            .append(" = ")
            .append(default_toml(setting))
            .append("\n");
    });
    return out;
}

std::string config_reference() {
    std::string out =
        "# Configuration\n\n"
        "`capstand` reads each setting from a flag, else from an environment variable, else from "
        "the file that\n`--config` or `CAPSTAND_CONFIG` names, else it has a default. An unknown "
        "name is an error.\n`capstand --print-config` shows every value and where it comes from; "
        "`capstand init` writes a file to\nstart from. Units are part of the names.\n\n"
        "SIGHUP makes a running server read all of it again, and the files of tokens, certificate "
        "and key. What\nhas *yes* below changes at once; the log names what else has changed and "
        "needs a restart.\nIf anything is wrong nothing changes.\n\n"
        "This page is made from the registry of settings; a test keeps the two equal.\n";
    auto const open = [&](std::string_view section) {
        out.append("\n## ").append(section.empty() ? "Top of the file"
                                                   : "[" + std::string(section) + "]");
        out.append(
            "\n\n| key | flag | variable | default | range | SIGHUP | what it does |\n"
            "|---|---|---|---|---|---|---|\n");
    };
    walk(open, [&](Setting const& setting, std::size_t) {
        out.append("| `").append(setting.key).append("` | `").append(setting_flag(setting));
        out.append("` | `").append(setting_variable(setting)).append("` | `");
        out.append(default_toml(setting)).append("` | ").append(bounds(setting)).append(" | ");
        out.append(reloads(setting) ? "yes | " : "| ");
        out.append(setting.help).append(" |\n");
    });
    return out;
}

}  // namespace capstan
