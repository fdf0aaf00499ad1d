#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <string>

namespace capstan {

/// Who started the process and wants to know how it is: systemd, for a unit of `Type=notify`. Under
/// nobody, all of it does nothing. Threading: any thread.
/// Source: sd_notify(3), https://www.freedesktop.org/software/systemd/man/sd_notify.html
class ServiceManager {
  public:
    /// Not ready yet, but at work: the manager waits at least `wait` longer.
    void starting(std::string const& status, Duration wait);
    void ready(std::string const& status);
    /// The configuration is read again; `ready` ends it.
    void reloading(Instant now);
    void stopping(std::string const& status, Duration wait);
    /// Feeds the watchdog. To be called several times within the unit's WatchdogSec.
    void alive();
};

}  // namespace capstan
