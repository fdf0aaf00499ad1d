#include "grammar.hpp"

namespace capstan::cli {

void Grammar::add_import_ndjson(CLI::App& import) {
    auto& ndjson = add_command(import,
                               "ndjson",
                               "JSON objects, one a line, as events: see `capstan help mapping`",
                               import_ndjson_);
    auto& options = import_ndjson_;
    ndjson.add_option("FILE", options.file, "The file, gzip or not; - is stdin")
        ->type_name("")
        ->required();
    ndjson.add_option("--stream", options.stream, "Where a line goes, as in irc/{channel}")
        ->type_name("TEMPLATE")
        ->required();
    ndjson
        .add_option("--author",
                    options.author,
                    "Who wrote it, as in {user}; each author is a device. Without: all are one")
        ->type_name("TEMPLATE");
    ndjson.add_option("--id", options.id, "Id of its object")
        ->type_name("TEMPLATE")
        ->capture_default_str();
    ndjson.add_option("--type", options.type, "Type of its object")
        ->type_name("TEMPLATE")
        ->capture_default_str();
    ndjson
        .add_option("--field",
                    options.registers,
                    "A field that becomes a register, as in text=body.plain; with ? behind it, "
                    "one that a line may lack. May be repeated. Without: all top-level fields")
        ->type_name("NAME=FIELD")
        ->expected(1)
        ->take_all();
    ndjson
        .add_option("--name", options.name, "What {@file} stands for, instead of the file's name")
        ->type_name("NAME");
    auto* dry_run = ndjson.add_flag_callback(
        "--dry-run",
        [&options] { options.mode = ImportNdjson::Mode::dry_run; },
        "Import nothing: check all lines, and tell what is missing");
    ndjson
        .add_flag_callback(
            "--verify",
            [&options] { options.mode = ImportNdjson::Mode::verify; },
            "Import nothing: compare each line with its event")
        ->excludes(dry_run);
}

void Grammar::add_import_streams(CLI::App& import) {
    auto& options = import_streams_;
    auto& streams = add_command(import,
                                "streams",
                                "What `capstan export` wrote: every event at its place, by its "
                                "author, byte for byte; goes on where it broke off",
                                options);
    streams.add_option("FILE", options.file, "The file, gzip or not; - is stdin")
        ->type_name("")
        ->required();
    add(streams,
        "--rename",
        "Another name for a stream, or for the first parts of names",
        [&options](std::string const& word) -> Result<> {
            auto const equals = word.find('=');
            if (equals == std::string::npos || equals == 0 || equals + 1 == word.size()) {
                return Error{Errc::usage, "expected OLD=NEW, got '" + word + "'"};
            }
            options.rename_from = word.substr(0, equals);
            options.rename_to = word.substr(equals + 1);
            return success();
        })
        ->type_name("OLD=NEW");
    streams.add_flag(
        "--dry-run", options.dry_run, "Import nothing: check the file, and tell what is missing");
}

void Grammar::add_export() {
    auto& command =
        add_command(app, "export", "Streams as a file for `capstan import streams`", export_);
    add(command,
        "PATTERN",
        "Streams: * stands for one part, a last > for the rest",
        [this](std::string const& word) -> Result<> {
            CAPSTAN_TRY(auto const pattern, StreamPattern::parse(word));
            export_.pattern = pattern.str();
            return success();
        })
        ->type_name("")
        ->required();
    command
        .add_option("-f,--file",
                    export_.file,
                    "Where to; one that is there gets what it lacks. Without it, stdout")
        ->type_name("FILE");
    command.add_flag("--container",
                     export_.container,
                     "Compressed runs instead of lines of JSON: a quarter of the size");
}

}  // namespace capstan::cli
