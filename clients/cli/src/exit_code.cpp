#include <capstan/cli/exit_code.hpp>

namespace capstan::cli {

ExitCode exit_code(Errc code) {
    switch (code) {
        case Errc::stream_name_invalid:
        case Errc::pattern_invalid:
        case Errc::device_invalid:
        case Errc::request_invalid:
        case Errc::position_invalid:
        case Errc::usage:
        case Errc::config_invalid:
            return ExitCode::usage;

        case Errc::not_found:
        case Errc::trimmed:
            return ExitCode::not_found;

        case Errc::not_your_device:
        case Errc::revoked:
        case Errc::token_invalid:
        case Errc::denied:
            return ExitCode::not_allowed;

        case Errc::generation_changed:
        case Errc::position_conflict:
        case Errc::rebase_needed:
        case Errc::stream_sealed:
        case Errc::stream_exists:
        case Errc::preceding_seq_invalid:
        case Errc::halted:
        case Errc::behind_itself:
        case Errc::settled:
        case Errc::lost_history:
            return ExitCode::conflict;

        case Errc::overloaded:
        case Errc::not_ready:
        case Errc::unavailable:
        case Errc::tls_failed:
        case Errc::timed_out:
        case Errc::connection_closed:
        case Errc::replaced:
        case Errc::slow_consumer:
        case Errc::counter_gap:
        case Errc::behind:
        case Errc::storage_full:
        case Errc::journal_locked:
            return ExitCode::unavailable;

        case Errc::journal_corrupt:
        case Errc::index_damaged:
        case Errc::journal_foreign:
        case Errc::journal_diverged:
            return ExitCode::integrity;

        case Errc::rate_limited:
        case Errc::too_large:
        case Errc::stream_full:
            return ExitCode::limit;

        case Errc::storage_failed:
        case Errc::format_unknown:
        case Errc::disk_io:
        case Errc::malformed:
        case Errc::protocol_violation:
        case Errc::version_unsupported:
        case Errc::http_refused:
        case Errc::port_taken:
        case Errc::internal:
        case Errc::cancelled:
            return ExitCode::other;
    }
    return ExitCode::other;
}

}  // namespace capstan::cli
