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

}  // namespace capstan::cli
