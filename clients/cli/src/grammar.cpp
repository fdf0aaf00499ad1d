#include "grammar.hpp"

#include <array>
#include <capstan/schema/limits.hpp>
#include <charconv>
#include <utility>

namespace capstan::cli {
namespace {

template <class Value, std::size_t N>
Result<> choose(std::array<std::pair<std::string_view, Value>, N> const& words,
                std::string const& word,
                auto& target) {
    std::string known;
    for (auto const& [name, value] : words) {
        if (word == name) {
            target = value;
            return success();
        }
        known += (known.empty() ? "" : ", ") + std::string(name);
    }
    return Error{Errc::usage, "'" + word + "' is none of " + known};
}

template <class Value>
using Word = std::pair<std::string_view, Value>;

constexpr std::array kFormats{Word<Format>{"table", Format::table},
                              Word<Format>{"plain", Format::plain},
                              Word<Format>{"json", Format::json},
                              Word<Format>{"ndjson", Format::ndjson},
                              Word<Format>{"raw", Format::raw}};
constexpr std::array kChoices{Word<Choice>{"auto", Choice::automatic},
                              Word<Choice>{"always", Choice::always},
                              Word<Choice>{"never", Choice::never}};
constexpr std::array kForms{Word<BodyForm>{"auto", BodyForm::automatic},
                            Word<BodyForm>{"text", BodyForm::text},
                            Word<BodyForm>{"json", BodyForm::json},
                            Word<BodyForm>{"bytes", BodyForm::bytes}};

/// A whole number from `least` on.
template <class Number>
auto number_into(Number& target, std::uint64_t least, std::uint64_t most) {
    return [&target, least, most](std::string const& word) -> Result<> {
        std::uint64_t value = 0;
        auto const* const end = word.data() + word.size();
        auto const [stopped, error] = std::from_chars(word.data(), end, value);
        if (error != std::errc{} || stopped != end || value < least || value > most) {
            return Error{Errc::usage,
                         "'" + word + "' is no whole number from " + std::to_string(least) +
                             " to " + std::to_string(most)};
        }
        target = Number{static_cast<decltype(Number{})>(value)};
        return success();
    };
}

auto position_into(auto& target) {
    return [&target](std::string const& word) -> Result<> {
        CAPSTAN_TRY(target, StreamPosition::parse(word));
        return success();
    };
}

auto seq_into(auto& target) {
    return [&target](std::string const& word) -> Result<> {
        Seq seq;
        CAPSTAN_TRY(number_into(seq.value, 0, kSeqMax.value)(word));
        target = seq;
        return success();
    };
}

Result<> take_timeout(std::string const& word, Duration& target) {
    CAPSTAN_TRY(auto const micros, parse_duration(word));
    if (micros == 0) {
        return Error{Errc::usage, "a timeout is longer than 0"};
    }
    target = std::chrono::microseconds(micros);
    return success();
}

Result<> take_device(std::string const& word, DeviceChoice& target) {
    if (word == "fresh") {
        target.fresh = true;
        return success();
    }
    CAPSTAN_TRY(target.id, parse_device(word));
    return success();
}

}  // namespace

Grammar::Grammar() {
    app.require_subcommand(1);
    app.fallthrough();  // global flags stand anywhere; commands inherit this
    app.set_help_all_flag("--help-all", "Help of all commands");
    app.get_formatter()->column_width(34);
    add_globals();
    add_reference_commands();
    add_event_commands();
    add_stream_commands();
    add_snapshot_commands();
    add_import_commands();
    add_operator_commands();
    add_bench_commands();
    add_model_commands();
}

void Grammar::add_globals() {
    add(app,
        "-s,--server",
        "Address of the server; several nodes: separated by commas",
        [this](std::string const& word) -> Result<> {
            globals.server = word;
            return success();
        })
        ->type_name("URL")
        ->default_str(globals.server)
        ->take_last();
    add(app,
        "--token-file",
        "File with the access token; - is stdin",
        [this](std::string const& word) -> Result<> {
            globals.token_file = word;
            return success();
        })
        ->type_name("FILE")
        ->take_last();
    add(app,
        "--ca-file",
        "PEM file with the authorities to believe, for https",
        [this](std::string const& word) -> Result<> {
            globals.ca_file = word;
            return success();
        })
        ->type_name("FILE")
        ->take_last();
    add(app,
        "--timeout",
        "How long to wait for the server, such as 500ms or 1m",
        [this](std::string const& word) { return take_timeout(word, globals.timeout); })
        ->type_name("DURATION")
        ->default_str("30s")
        ->take_last();
    add(app,
        "-o,--output",
        "How data is shown",
        [this](std::string const& word) { return choose(kFormats, word, globals.format); })
        ->type_name("table|plain|json|ndjson|raw")
        ->take_last();
    add(app,
        "--color",
        "Colour on stdout and stderr",
        [this](std::string const& word) { return choose(kChoices, word, globals.color); })
        ->type_name("auto|always|never")
        ->take_last();
    app.add_flag("-q,--quiet", globals.quiet, "Only data and errors");
    app.add_flag("-v,--verbose", globals.verbose, "Tell what happens on the way");
    app.add_flag_callback(
        "--no-progress", [this] { globals.progress = false; }, "No progress on stderr");
    app.add_flag("-y,--yes", globals.yes, "Do not ask");
}

CLI::Option* Grammar::add_stream(CLI::App& command, std::string& stream) {
    return add(command,
               "STREAM",
               "Stream, as in acme/room/42",
               [&stream](std::string const& word) -> Result<> {
                   CAPSTAN_TRY(auto const name, StreamName::parse(word));
                   stream = name.str();
                   return success();
               })
        ->type_name("")
        ->required();
}

void Grammar::add_reference_commands() {
    add_command(app, "version", "Version of this program and its protocol", version_);
    auto& errors = add_command(app, "errors", "What an error code means, or all of them", errors_);
    errors.add_option("CODE", errors_.code, "1203, CAP-1203 or position_conflict")->type_name("");
    auto& completion =
        add_command(app, "completion", "A script that completes commands in a shell", completion_);
    completion.add_option("SHELL", completion_.shell, "bash, zsh or fish")
        ->type_name("")
        ->required();
    auto& help = *app.add_subcommand(
        "help", "Help on a topic: positions, patterns, mapping, environment, exit-codes");
    help.add_option("TOPIC", help_topic_, "positions, patterns, mapping, environment or exit-codes")
        ->type_name("");
    help.callback([this] {
        auto const text = help_topic_.empty() ? app.help() : help_topic(help_topic_).value_or("");
        if (text.empty()) {
            refused = Error{Errc::usage, "no help on '" + help_topic_ + "'"};
        }
        chosen = ShowText{text};
    });
}

void Grammar::add_event_commands() {
    auto& append = add_command(app, "append", "Append events", append_);
    add_stream(append, append_.stream);
    append.add_option("BODY", append_.body, "One event; without it, stdin, one event a line")
        ->type_name("");
    append.add_option("-f,--file", append_.file, "A file that is one event")->type_name("FILE");
    add(append, "--as", "What a body is", [this](std::string const& word) {
        return choose(kForms, word, append_.form);
    })->type_name("auto|text|json|bytes");
    append.add_option("--type", append_.type, "Type of the events")->type_name("NAME");
    add(append,
        "--expect",
        "Append only if this is the stream's last event; 0: only to an empty stream",
        seq_into(append_.expect))
        ->type_name("SEQ");
    add(append,
        "--device",
        "32 hex digits, or fresh: a device of this run alone",
        [this](std::string const& word) { return take_device(word, append_.device); })
        ->type_name("ID");
    add(append,
        "--batch",
        "Events that reach the stream together, or not at all",
        number_into(append_.batch, 1, kRunEventsMax))
        ->type_name("N");

    auto& read = add_command(app, "read", "Read events", read_);
    add_stream(read, read_.stream);
    add_reading(read, read_);
    auto& tail = add_command(
        app, "tail", "The last events (-n, else 10), then those to come with -f", tail_);
    add_stream(tail, tail_.stream);
    add_reading(tail, tail_);
    tail_.is_tail = true;

    auto& watch = add_command(app, "watch", "New events of many streams as they come", watch_);
    add(watch,
        "PATTERN",
        "Streams: * stands for one part, a last > for the rest",
        [this](std::string const& word) -> Result<> {
            CAPSTAN_TRY(auto const pattern, StreamPattern::parse(word));
            watch_.pattern = pattern.str();
            return success();
        })
        ->type_name("")
        ->required();
    add(watch, "--from", "Start here in each stream, not at its tail", position_into(watch_.from))
        ->type_name("POS");

    auto& get = add_command(app, "get", "One event", get_);
    add_stream(get, get_.stream);
    add(get, "SEQ", "Its place, as in `capstan help positions`", position_into(get_.at))
        ->type_name("")
        ->required();
    add_stream(add_command(app, "stat", "Head, size and age of a stream", stat_), stat_.stream);
}

void Grammar::add_reading(CLI::App& command, Read& read) {
    auto* from = add(command,
                     "--from",
                     "First event wanted, as in `capstan help positions`",
                     position_into(read.from))
                     ->type_name("POS");
    add(command, "--after", "Last event already had", seq_into(read.after))
        ->type_name("SEQ")
        ->excludes(from);
    add(command, "--to", "First event no longer wanted", position_into(read.to))->type_name("POS");
    add(command, "-n,--count", "Events at most", [&read](std::string const& word) -> Result<> {
        std::uint64_t count = 0;
        CAPSTAN_TRY(number_into(count, 0, kSeqMax.value)(word));
        read.count = count;
        return success();
    })->type_name("N");
    command.add_flag("-f,--follow", read.follow, "Wait for events to come");
}

void Grammar::add_stream_commands() {
    auto& stream = *app.add_subcommand("stream", "Streams: list, create, describe, seal, fork");
    stream.require_subcommand(1);
    auto& list = add_command(stream, "ls", "Streams by name", stream_list_);
    add(list,
        "PATTERN",
        "Streams: * stands for one part, a last > for the rest",
        [this](std::string const& word) -> Result<> {
            CAPSTAN_TRY(auto const pattern, StreamPattern::parse(word));
            stream_list_.pattern = pattern.str();
            return success();
        })
        ->type_name("");
    add_stream(add_command(
                   stream, "create", "Create a stream; the first event would, too", stream_create_),
               stream_create_.stream);
    add_stream(add_command(stream, "info", "The same as `capstan stat`", stream_info_),
               stream_info_.stream);
    add_stream(
        add_command(stream, "seal", "Let a stream take no more events, for ever", stream_seal_),
        stream_seal_.stream);
    auto& fork = add_command(
        stream, "fork", "A new stream that begins with this one's first events", stream_fork_);
    add_stream(fork, stream_fork_.stream);
    add(fork,
        "NEW",
        "Its name",
        [this](std::string const& word) -> Result<> {
            CAPSTAN_TRY(auto const name, StreamName::parse(word));
            stream_fork_.into = name.str();
            return success();
        })
        ->type_name("")
        ->required();
    add(fork, "--at", "The last event that both have; the head", position_into(stream_fork_.at))
        ->type_name("POS");
}

void Grammar::add_snapshot_commands() {
    auto& snapshot = *app.add_subcommand(
        "snapshot", "A stream's state at one seq, from which devices start: list, create, get, …");
    snapshot.require_subcommand(1);
    auto const add_verb = [&](SnapshotCommand& options,
                              SnapshotVerb verb,
                              char const* name,
                              char const* help) -> CLI::App& {
        options.verb = verb;
        auto& command = add_command(snapshot, name, help, options);
        add_stream(command, options.stream);
        return command;
    };
    add_verb(snapshot_list_, SnapshotVerb::list, "ls", "Snapshots of a stream, newest first");
    add_verb(snapshot_create_, SnapshotVerb::create, "create", "Build one now");
    auto& get = add_verb(snapshot_get_,
                         SnapshotVerb::get,
                         "get",
                         "Load the newest one into a directory; goes on where it broke off");
    get.add_option("DIRECTORY", snapshot_get_.directory, "Where to")->type_name("")->required();
    add_verb(snapshot_verify_,
             SnapshotVerb::verify,
             "verify",
             "Let the server recompute the newest one from the tape");
    add_verb(snapshot_remove_,
             SnapshotVerb::remove,
             "rm",
             "Forget all of a stream; they are built anew when they are due");
}

void Grammar::add_import_commands() {
    auto& import = *app.add_subcommand("import", "Histories from elsewhere");
    import.require_subcommand(1);
    auto& git = add_command(
        import, "git", "The first-parent history of a repository, one event a commit", import_git_);
    git.add_option("REPO", import_git_.repository, "The repository")
        ->type_name("")
        ->capture_default_str();
    add(git,
        "--stream",
        "Where to",
        [this](std::string const& word) -> Result<> {
            CAPSTAN_TRY(auto const name, StreamName::parse(word));
            import_git_.stream = name.str();
            return success();
        })
        ->type_name("STREAM")
        ->required();
    git.add_option("--revision", import_git_.revision, "Import up to here")
        ->type_name("REV")
        ->capture_default_str();
    git.add_flag("--verify",
                 import_git_.verify,
                 "Import nothing: rebuild the files from the events alone and compare with `git "
                 "ls-tree -r`");
    add_import_ndjson(import);
    add_import_streams(import);
    add_export();
    add_replay();
}

void Grammar::add_bench_commands() {
    auto& bench = *app.add_subcommand("bench", "Load with an integrity check, and its figures");
    bench.require_subcommand(1);
    auto& reconcile = add_command(bench,
                                  "reconcile",
                                  "Models and texts on this machine alone, by recorded sessions",
                                  bench_reconcile_);
    add(reconcile,
        "--rounds",
        "Rounds, of which the median counts",
        number_into(bench_reconcile_.rounds, 1, 1'000))
        ->type_name("N");
    reconcile.add_flag("--sessions", bench_reconcile_.sessions, "Only editing sessions");
    bench_append_.kind = BenchKind::append;
    bench_read_.kind = BenchKind::read;
    bench_fanout_.kind = BenchKind::fanout;
    bench_coldstart_.kind = BenchKind::coldstart;
    auto const common = [this](CLI::App& command, Bench& options) {
        add(command, "--events", "Events in all", number_into(options.events, 1, kSeqMax.value))
            ->type_name("N");
        add(command, "--size", "Bytes of an event", number_into(options.event_bytes, 128, 65'536))
            ->type_name("BYTES");
        command.add_option("--stream", options.stream, "Stream, or prefix of streams")
            ->capture_default_str();
        command
            .add_option("--dir",
                        options.directory,
                        "Where the bare loop writes; on the server's disk for a ratio that counts")
            ->capture_default_str();
    };
    auto& append =
        add_command(bench, "append", "Durable publishing: rate and latency", bench_append_);
    common(append, bench_append_);
    add(append,
        "--connections",
        "Devices, each with its connection",
        number_into(bench_append_.connections, 1, 1'024))
        ->type_name("N");
    add(append,
        "--in-flight",
        "Publishes of one device at a time",
        number_into(bench_append_.in_flight, 1, 4'096))
        ->type_name("N");
    add(append,
        "--batch",
        "Events in a publish",
        number_into(bench_append_.batch, 1, kRunEventsMax))
        ->type_name("N");
    add(append,
        "--streams",
        "Streams, one drawn for each publish",
        number_into(bench_append_.streams, 1, 1'000'000))
        ->type_name("N");
    auto& read = add_command(bench, "read", "Catching up from the first event", bench_read_);
    common(read, bench_read_);
    add(read, "--connections", "Readers", number_into(bench_read_.connections, 1, 1'024))
        ->type_name("N");
    auto& fanout =
        add_command(bench, "fanout", "One writer, many subscribers of one stream", bench_fanout_);
    common(fanout, bench_fanout_);
    bench_fanout_.events = 10'000;
    add(fanout, "--subscribers", "Subscribers", number_into(bench_fanout_.subscribers, 1, 10'000))
        ->type_name("N");
    add(fanout,
        "--in-flight",
        "Publishes at a time",
        number_into(bench_fanout_.in_flight, 1, 4'096))
        ->type_name("N");
    add(fanout,
        "--batch",
        "Events in a publish",
        number_into(bench_fanout_.batch, 1, kRunEventsMax))
        ->type_name("N");
    auto& coldstart = add_command(bench,
                                  "coldstart",
                                  "A new device's model: from a snapshot, and by replay",
                                  bench_coldstart_);
    bench_coldstart_.stream = "bench/coldstart";
    add(coldstart,
        "--events",
        "Events of the stream",
        number_into(bench_coldstart_.events, 1, kSeqMax.value))
        ->type_name("N");
    add(coldstart,
        "--objects",
        "Objects that live in the end",
        number_into(bench_coldstart_.objects, 1, 10'000'000))
        ->type_name("N");
    coldstart.add_option("--stream", bench_coldstart_.stream, "The stream, made for this")
        ->capture_default_str();
}

}  // namespace capstan::cli
