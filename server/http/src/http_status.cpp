#include <capstan/server/http/http_api.hpp>

namespace capstan {

unsigned http_status(Errc code) {
    switch (code) {
        case Errc::token_invalid:
            return 401;
        case Errc::denied:
        case Errc::not_your_device:
        case Errc::revoked:
            return 403;
        case Errc::not_found:
            return 404;
        case Errc::position_conflict:
            return 412;
        case Errc::too_large:
            return 413;
        case Errc::rate_limited:
            return 429;
        case Errc::trimmed:
            return 410;
        case Errc::overloaded:
        case Errc::not_ready:
        case Errc::unavailable:
        case Errc::tls_failed:
        case Errc::behind:
        case Errc::storage_failed:
            return 503;
        case Errc::storage_full:
            return 507;
        case Errc::timed_out:
            return 504;
        case Errc::generation_changed:
        case Errc::rebase_needed:
        case Errc::stream_sealed:
        case Errc::stream_exists:
        case Errc::preceding_seq_invalid:
        case Errc::halted:
        case Errc::counter_gap:
        case Errc::behind_itself:
        case Errc::settled:
        case Errc::stream_full:
        case Errc::lost_history:
            return 409;
        case Errc::journal_corrupt:
        case Errc::index_damaged:
        case Errc::disk_io:
        case Errc::internal:
            return 500;
        default:
            return 400;
    }
}

}  // namespace capstan
