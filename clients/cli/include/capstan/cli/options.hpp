#pragma once
#include <capstan/cli/output.hpp>
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/stream_position.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// What a command line asks for, checked as far as words go.
namespace capstan::cli {

inline constexpr std::string_view kServerDefault = "http://127.0.0.1:7411";

enum class Choice : std::uint8_t { automatic, always, never };

struct Globals {
    std::string server = std::string(kServerDefault);
    std::string token_file;  // `-` is stdin; empty: none
    std::string ca_file;     // empty: the system's authorities
    Duration timeout = std::chrono::seconds(30);
    std::optional<Format> format;  // else by what stdout is
    Choice color = Choice::automatic;
    bool progress = true;
    bool quiet = false;
    bool verbose = false;
    bool yes = false;
};

struct ShowText {
    std::string text;
};
struct ShowVersion {};
struct ShowErrors {
    std::string code;  // 1203, CAP-1203 or position_conflict; empty: all
};
struct Completion {
    std::string shell;
};

/// What the bytes of an appended body are.
enum class BodyForm : std::uint8_t {
    automatic,  // a JSON object or array, else text, else bytes
    text,
    json,
    bytes,
};

/// Who a command is to the server.
struct DeviceChoice {
    bool fresh = false;  // a device of this run alone; else the one stored on this machine
    std::optional<DeviceId> id;
};

struct Append {
    std::string stream;
    std::optional<std::string> body;
    std::string file;  // whole, one event; `-`: stdin, one event a line
    BodyForm form = BodyForm::automatic;
    std::string type;
    std::optional<Seq> expect;  // the stream's head
    DeviceChoice device;
    std::uint32_t batch = 1;  // events that reach the stream together, or not at all
};

/// A bounded or endless part of one stream. `from` and `to` are as people write them.
struct Read {
    std::string stream;
    std::optional<StreamPosition> from;
    std::optional<Seq> after;
    std::optional<StreamPosition> to;  // exclusive
    std::optional<std::uint64_t> count;
    bool follow = false;
    bool is_tail = false;  // without `from` and `after`: the last `count`, 10 if not given
};

struct Watch {
    std::string pattern;
    std::optional<StreamPosition> from;
};

struct Get {
    std::string stream;
    StreamPosition at;
};

struct Stat {
    std::string stream;
};

struct StreamList {
    std::string pattern = ">";
};
struct StreamCreate {
    std::string stream;
};
struct StreamSeal {
    std::string stream;
};
/// A new stream that begins with the first events of another one.
struct StreamFork {
    std::string stream;
    std::string into;
    std::optional<StreamPosition> at;  // the last of them; else the head
};

enum class SnapshotVerb : std::uint8_t { list, create, get, verify, remove };
struct SnapshotCommand {
    SnapshotVerb verb = SnapshotVerb::list;
    std::string stream;
    std::string directory;  // get
};

struct ImportGit {
    std::string repository = ".";
    std::string revision = "HEAD";
    std::string stream;
    bool verify = false;  // read back and compare instead of importing
};

/// Templates and registers are as people write them (importers/ndjson_mapping.hpp).
struct ImportNdjson {
    enum class Mode : std::uint8_t { import, dry_run, verify };
    std::string file;  // `-`: stdin
    std::string name;  // what {@file} says; empty: the file's
    std::string stream;
    std::string author;  // empty: all lines have the same one
    std::string id = "{@file}:{@line}";
    std::string type = "Message";
    std::vector<std::string> registers;
    Mode mode = Mode::import;
};

/// Streams as a file that `import streams` takes.
struct Export {
    std::string pattern;
    std::string file = "-";  // `-`: stdout
    bool container = false;  // else lines of JSON
};
struct ImportStreams {
    std::string file;         // `-`: stdin
    std::string rename_from;  // a stream, or the front parts of names; empty: names stay
    std::string rename_to;
    bool dry_run = false;
};

/// Events of one stream, told once more to somebody else.
struct Replay {
    std::string stream;
    std::optional<StreamPosition> from;
    std::optional<StreamPosition> to;  // exclusive
    std::string into;                  // a stream, file:PATH, - or the address of an HTTP sink
    std::string type;                  // only events of this type; empty: all
    std::string object;                // only events that act on this object; empty: all
    std::optional<DeviceId> device;    // only its events
    double speed = 0;                  // times the original pace; 0: as fast as it goes
    std::string label;                 // tells a second replay of the same events from the first
    std::string sink_token_file;
    bool dry_run = false;
};

struct Verify {
    std::string directory;
    bool deep = false;                   // fold the journal again and compare
    std::string report;                  // a file for it, in JSON
    std::uint64_t bytes_per_second = 0;  // beside a server that should not notice; 0: no limit
};
struct Rebuild {
    std::string directory;
};
struct Repair {
    std::string directory;
    std::string backups;  // empty: none
    std::string hash;     // of the plan to apply; empty: plan
};

struct BackupCreate {
    std::string directory;
    std::string backups;
    std::uint64_t bytes_per_second = 0;
};
struct BackupList {
    std::string backups;
};
struct BackupVerify {
    std::string backups;
    std::optional<std::uint32_t> number;
};
struct BackupRestore {
    std::string backups;
    std::string directory;
    std::optional<std::uint32_t> number;
    std::optional<Position> at;
};

/// Moves a data directory's journal to a cluster, or with `from` back to a new directory.
struct Migrate {
    std::string directory;
    std::string to;    // kafka://…; one of the two
    std::string from;  // kafka://…
    std::string settings_file;
    std::uint32_t replicas = 3;  // of the topic, if there is none yet
    bool dry_run = false;
};

/// What a monitoring system asks about. Its answer is one line and Nagios' exit code.
enum class CheckKind : std::uint8_t { connection, append, disk, journal, backup };
struct Check {
    CheckKind kind = CheckKind::connection;
    std::string target;  // stream, data directory or directory of backups
    double warn = 0;     // seconds, percent or events, as the kind says
    double critical = 0;
};

inline constexpr std::string_view kAdminDefault = "http://127.0.0.1:7412";

/// Looks at everything that commands need, and says what to do about what is wrong.
struct Doctor {
    std::string admin = std::string(kAdminDefault);
    bool admin_is_given = false;
    std::string data;     // a data directory; empty: none
    std::string backups;  // the same
};
/// What a server does, a line a moment.
struct Top {
    std::string admin = std::string(kAdminDefault);
    Duration every = std::chrono::seconds(1);
    std::optional<std::uint64_t> count;
};

enum class BenchKind : std::uint8_t { append, read, fanout, coldstart };
struct Bench {
    BenchKind kind = BenchKind::append;
    std::string stream = "bench/capstan";
    std::uint32_t connections = 1;
    std::uint32_t in_flight = 1;  // publishes of one connection at a time
    std::uint32_t batch = 1;      // events in a publish
    std::uint32_t event_bytes = 200;
    std::uint32_t streams = 1;
    std::uint32_t subscribers = 100;
    std::uint64_t events = 100'000;
    std::uint64_t objects = 1'000;  // that live in the end
    std::string directory = ".";    // of the bare loop
};

/// The objects that a stream's events make.
struct ModelShow {
    std::string stream;
    std::optional<StreamPosition> at;  // else at its end
    std::string type;                  // empty: all
    std::string object;                // empty: all
};
/// What differs between two positions. Type and object: empty are all.
struct ModelDiff {
    std::string stream;
    StreamPosition from;
    StreamPosition to;
    std::string type;
    std::string object;
};
/// Objects become what they were, by new events.
struct ModelRestore {
    std::string stream;
    StreamPosition at;
    std::string type;
    std::string object;
    bool dry_run = false;
};
struct History {
    std::string stream;
    std::string object;
};
struct ConflictsList {
    std::string stream;
    bool open = false;  // only those that nobody has settled
};
/// Conflicts of a stream are numbered from 1, in the order in which its events brought them.
struct ConflictsShow {
    std::string stream;
    std::uint64_t number = 0;
};
struct ConflictsResolve {
    std::string stream;
    std::uint64_t number = 0;
    std::string take;   // winner or loser
    std::string value;  // JSON, instead
};

/// What reconciliation costs on this machine, without a server.
struct BenchReconcile {
    std::uint32_t rounds = 5;
    bool sessions = false;  // editing sessions alone
};

using Command = std::variant<ShowText,
                             ShowVersion,
                             ShowErrors,
                             Completion,
                             Append,
                             Read,
                             Watch,
                             Get,
                             Stat,
                             StreamList,
                             StreamCreate,
                             StreamSeal,
                             StreamFork,
                             SnapshotCommand,
                             ImportGit,
                             ImportNdjson,
                             Export,
                             ImportStreams,
                             Replay,
                             Verify,
                             Rebuild,
                             Repair,
                             BackupCreate,
                             BackupList,
                             BackupVerify,
                             BackupRestore,
                             Migrate,
                             Check,
                             Doctor,
                             Top,
                             Bench,
                             BenchReconcile,
                             ModelShow,
                             ModelDiff,
                             ModelRestore,
                             History,
                             ConflictsList,
                             ConflictsShow,
                             ConflictsResolve>;

struct Invocation {
    Globals globals;
    Command command;
};

}  // namespace capstan::cli
