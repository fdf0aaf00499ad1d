#include "service_manager.hpp"

#include <fmt/core.h>
#include <systemd/sd-daemon.h>

#include <chrono>

namespace capstan {
namespace {

void notify(std::string const& state) {
    ::sd_notify(0, state.c_str());
}

auto microseconds_of(Duration duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

}  // namespace

void ServiceManager::starting(std::string const& status, Duration wait) {
    notify(fmt::format("STATUS={}\nEXTEND_TIMEOUT_USEC={}", status, microseconds_of(wait)));
}

void ServiceManager::ready(std::string const& status) {
    notify(fmt::format("READY=1\nSTATUS={}", status));
}

void ServiceManager::reloading(Instant now) {
    notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", microseconds_of(now.since_start)));
}

void ServiceManager::stopping(std::string const& status, Duration wait) {
    notify(fmt::format(
        "STOPPING=1\nSTATUS={}\nEXTEND_TIMEOUT_USEC={}", status, microseconds_of(wait)));
}

void ServiceManager::alive() {
    notify("WATCHDOG=1");
}

}  // namespace capstan
