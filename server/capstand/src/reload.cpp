#include "reload.hpp"

#include <capstan/server/config/reload.hpp>
#include <utility>

#include "part_options.hpp"

namespace capstan {
namespace {

std::string joined(std::vector<std::string> const& names) {
    std::string text;
    for (auto const& name : names) {
        text += (text.empty() ? "" : ", ") + name;
    }
    return text;
}

/// Everything that can fail, before anything is changed.
struct Prepared {
    Reload plan;
    std::unique_ptr<Authenticator> authenticator;
    ListenerOptions listener;
};

Result<Prepared> prepare(ServerConfig const& now, ReadConfig const& read) {
    CAPSTAN_TRY(auto const next, read());
    Prepared made;
    CAPSTAN_TRY(made.plan, plan_reload(now, next));
    auto const& config = made.plan.config;
    CAPSTAN_TRY(made.authenticator, make_authenticator(config.auth));
    CAPSTAN_TRY(made.listener, listener_options(config, config.listen));
    CAPSTAN_TRY(made.listener.tls, make_tls(config.tls));
    return made;
}

}  // namespace

void reload(ServerConfig& config, ReadConfig const& read, ReloadParts const& parts) {
    auto& log = parts.log;
    if (!read) {
        log.warn("reload_refused", "this server has no configuration to read again");
        return;
    }
    auto made = prepare(config, read);
    if (!made) {
        log.error("reload_failed",
                  "nothing was changed: " + made.error().detail,
                  {{"code", std::uint64_t{static_cast<std::uint16_t>(made.error().code)}}});
        return;
    }
    auto& [plan, authenticator, listener] = made.value();
    config = plan.config;
    log.set_options(log_options(config));
    parts.authenticator.exchange(std::move(authenticator));
    parts.sessions.set_options(session_options(config));
    parts.sessions.check_principals();
    parts.api.set_options(http_options(config));
    parts.api.ask_again();
    parts.listener.set_options(listener);
    if (!plan.need_restart.empty()) {
        log.warn("restart_needed",
                 joined(plan.need_restart) + ": changed, and read at a start only");
    }
    log.info("reloaded",
             "tokens and certificate are read; " + (plan.changed.empty()
                                                        ? std::string("no setting has changed")
                                                        : "changed: " + joined(plan.changed)));
}

}  // namespace capstan
