#pragma once
#include <capstan/schema/error.hpp>

namespace capstan {

/// How capstand ends, for those who restart it.
enum class ExitCode : int {
    clean = 0,
    other = 1,
    bad_configuration = 2,
    port_in_use = 3,
    data_locked = 4,  // by another process, or of another format
    data_damaged = 5,
    unreachable = 6,     // something it depends on
    storage_failed = 7,  // a restart recovers what the disk holds
};

constexpr ExitCode exit_code_of(Errc code) {
    switch (code) {
        case Errc::config_invalid:
            return ExitCode::bad_configuration;
        case Errc::port_taken:
            return ExitCode::port_in_use;
        case Errc::journal_locked:
        case Errc::format_unknown:
        case Errc::journal_foreign:
            return ExitCode::data_locked;
        case Errc::journal_corrupt:
        case Errc::journal_diverged:
        case Errc::index_damaged:
            return ExitCode::data_damaged;
        case Errc::unavailable:
        case Errc::tls_failed:
            return ExitCode::unreachable;
        case Errc::storage_failed:
        case Errc::storage_full:
        case Errc::disk_io:
            return ExitCode::storage_failed;
        default:
            return ExitCode::other;
    }
}

/// Of a partition that stopped while it served. Derived state that is wrong is made again by the
/// next start.
constexpr ExitCode exit_code_of_stop(Errc code) {
    return code == Errc::index_damaged ? ExitCode::storage_failed : exit_code_of(code);
}

}  // namespace capstan
