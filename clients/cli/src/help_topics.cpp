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
  CAPSTAN_CA_FILE       --ca-file
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

constexpr char kMapping[] =
    R"(`capstan import ndjson` makes one event of each line: it inserts one object. Templates say what
goes where; {field} in them is a field of the line, {a.b} a field of a field:

  --stream 'irc/{channel}'     the stream; # and others that no name may hold become =23 and the like
  --author '{user|nobody}'     who wrote it: one device an author. Behind the | stands what is taken
                               where a line has no such field
  --id '{channel}/{number}'    the object's id; {@line} is the line's number, {@file} the file's name
  --type Message               the object's type
  --field text=body            a register of the object and the field that it takes its value from
  --field reply=thread.id?     the same, of a field that a line may lack

{{ and }} are braces. Without --field every top-level field becomes a register of the same name.
Arrays and objects become their JSON text, all else stays what it is.

Lines of a stream keep their order. A line whose object is in its stream is not imported again, so
a second import adds nothing and an interrupted one goes on. An object with the same id and other
content ends the import. Ids that do not depend on file and line, as in --id '{channel}/{number}',
let files overlap. A line that cannot be imported is named, and ends the import; the lines before it
are in, those behind it are not. `--dry-run` finds it first.

  capstan import ndjson chat.jsonl.gz --stream 'irc/{channel}' --author '{user}' --field text=body
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
    if (name == "mapping") {
        return kMapping;
    }
    if (name == "exit-codes") {
        return kExitCodes;
    }
    return std::nullopt;
}

}  // namespace capstan::cli
