#include <charconv>

#include "grammar.hpp"

namespace capstan::cli {
namespace {

/// `max`, or how many times the original pace: 1x, 0.5x, 20x.
Result<> take_speed(std::string const& word, double& speed) {
    if (word == "max") {
        speed = 0;
        return success();
    }
    auto const* const end = word.data() + word.size();
    auto const [stopped, error] = std::from_chars(word.data(), end, speed);
    bool const unit = stopped + 1 == end && *stopped == 'x';
    if (error != std::errc{} || !unit || !(speed > 0) || speed > 1e6) {
        return Error{Errc::usage, "'" + word + "' is no speed: give max, or 1x, 0.5x, 20x"};
    }
    return success();
}

}  // namespace

void Grammar::add_replay() {
    auto& options = replay_;
    auto& replay = add_command(app,
                               "replay",
                               "Tell events of a stream once more: to a stream, a file, an address",
                               options);
    add_stream(replay, options.stream);
    auto const position =
        [&](char const* name, std::optional<StreamPosition>& target, char const* help) {
            add(replay, name, help, [&target](std::string const& word) -> Result<> {
                CAPSTAN_TRY(target, StreamPosition::parse(word));
                return success();
            })->type_name("POS");
        };
    position("--from", options.from, "First event wanted, as in `capstan help positions`");
    position("--to", options.to, "First event no longer wanted");
    replay
        .add_option("--into",
                    options.into,
                    "A stream; file:PATH or - for lines of JSON; http://… or https://… for a POST "
                    "of each event")
        ->type_name("TARGET")
        ->required();
    replay.add_option("--type", options.type, "Only events of this type, or that insert one of it")
        ->type_name("NAME");
    replay.add_option("--object", options.object, "Only events that act on this object")
        ->type_name("ID");
    add(replay,
        "--device",
        "Only events of this device",
        [&options](std::string const& word) -> Result<> {
            CAPSTAN_TRY(options.device, parse_device(word));
            return success();
        })
        ->type_name("ID");
    add(replay,
        "--speed",
        "max, or times the original pace, as in 1x",
        [&options](auto const& word) { return take_speed(word, options.speed); })
        ->type_name("SPEED")
        ->default_str("max");
    replay
        .add_option("--label",
                    options.label,
                    "The same replay goes on where it broke off and never repeats itself; one with "
                    "another label begins anew")
        ->type_name("TEXT");
    replay
        .add_option("--sink-token-file",
                    options.sink_token_file,
                    "File with the token for the HTTP sink, which never gets the server's")
        ->type_name("FILE");
    replay.add_flag("--dry-run", options.dry_run, "Tell what would happen, and do nothing");
}

}  // namespace capstan::cli
