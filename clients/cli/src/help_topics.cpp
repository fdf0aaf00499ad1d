#include <optional>
#include <string>

#include "grammar.hpp"

namespace capstan::cli {
namespace {

constexpr char kPositions[] = R"(A position is a place in a stream:

  first       the first event that the stream holds
  last        its newest event
  tail        the next event to come
  snapshot    the newest snapshot, then what follows it
  118         the event with this seq
  -10         back from the tail: the last ten events begin here
  @2026-11-20T10:00:00Z, @2026-11-20, @-1h
              the first event that the server took at or after this time

--from names the first event wanted, --after the last one already had, --to the first one no
longer wanted. Negative values are written --from=-10.
)";

constexpr char kPatterns[] =
    R"(A pattern is a stream name in which * stands for one part and a last > for the rest:

  acme/*/chat    acme/paris/chat, acme/rome/chat
  acme/>         all streams of acme
  >              all streams
)";

constexpr char kEnvironment[] = R"(Each global flag may come from the environment; the flag wins.

  CAPSTAN_SERVER        --server
  CAPSTAN_TOKEN_FILE    --token-file
  CAPSTAN_TIMEOUT       --timeout
  CAPSTAN_OUTPUT        --output
  CAPSTAN_COLOR         --color
  CAPSTAN_QUIET=1       --quiet
  CAPSTAN_VERBOSE=1     --verbose
  CAPSTAN_NO_PROGRESS=1 --no-progress
  CAPSTAN_YES=1         --yes

NO_COLOR and TERM=dumb mean no colour. XDG_STATE_HOME, or ~/.local/state, holds the id and the
outbox of this machine's device, in capstan/.
)";

constexpr char kExitCodes[] = R"(  0  ok
  1  another failure
  2  usage or configuration
  3  not found
  4  not allowed
  5  conflict: the state is not the one that was expected
  6  unavailable: try again later
  7  a failure of integrity was found
  8  some of it succeeded
  9  a limit or quota
130  interrupted
141  nobody reads the output any more
)";

}  // namespace

std::optional<std::string> help_topic(std::string const& name) {
    if (name == "positions") {
        return kPositions;
    }
    if (name == "patterns") {
        return kPatterns;
    }
    if (name == "environment") {
        return kEnvironment;
    }
    if (name == "exit-codes") {
        return kExitCodes;
    }
    return std::nullopt;
}

}  // namespace capstan::cli
