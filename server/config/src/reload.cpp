#include <algorithm>
#include <array>
#include <capstan/server/config/reload.hpp>
#include <utility>

namespace capstan {

bool reloads(Setting const& setting) {
    constexpr std::array<std::string_view, 8> kSections{
        "auth", "tls", "net", "http", "session", "rate", "log", "drain"};
    bool const is_format = setting.section == "log" && setting.key == "format";
    return std::ranges::find(kSections, setting.section) != kSections.end() && !is_format;
}

Result<Reload> plan_reload(ServerConfig const& now, ServerConfig const& next) {
    Reload plan{.config = now, .changed = {}, .need_restart = {}};
    // An address that speaks TLS does not begin to speak plain.
    bool const tls_stays = now.tls.is_on() == next.tls.is_on();
    for (auto const& setting : settings()) {
        auto const wanted = setting_text(setting, next);
        if (wanted == setting_text(setting, now)) {
            continue;
        }
        if (reloads(setting) && (setting.section != "tls" || tls_stays)) {
            CAPSTAN_TRY(assign_setting(setting, plan.config, wanted));
            plan.changed.push_back(setting_name(setting));
        } else {
            plan.need_restart.push_back(setting_name(setting));
        }
    }
    CAPSTAN_TRY(check_config(plan.config));
    return plan;
}

}  // namespace capstan
