#include <charconv>

#include "grammar.hpp"

/// Commands about what a stream's events come to.
namespace capstan::cli {
namespace {

auto conflict_into(std::uint64_t& number) {
    return [&number](std::string const& word) -> Result<> {
        auto const* const end = word.data() + word.size();
        auto const [stopped, error] = std::from_chars(word.data(), end, number);
        if (error != std::errc{} || stopped != end || number == 0) {
            return Error{Errc::usage, "'" + word + "' is no number of a conflict"};
        }
        return success();
    };
}

auto position_into(auto& target) {
    return [&target](std::string const& word) -> Result<> {
        CAPSTAN_TRY(target, StreamPosition::parse(word));
        return success();
    };
}

void add_choice(CLI::App& command, std::string& type, std::string& object) {
    command.add_option("--type", type, "Only objects of this type")->type_name("NAME");
    command.add_option("--object", object, "Only this object")->type_name("ID");
}

}  // namespace

void Grammar::add_rewind(CLI::App& model) {
    auto& diff =
        add_command(model, "diff", "What has become of objects between two positions", model_diff_);
    add_stream(diff, model_diff_.stream);
    add(diff, "FROM", "The state behind this event", position_into(model_diff_.from))
        ->type_name("")
        ->required();
    add(diff, "TO", "And behind this one; the last", position_into(model_diff_.to))->type_name("");
    model_diff_.to.kind = StreamPosition::Kind::last;
    add_choice(diff, model_diff_.type, model_diff_.object);

    auto& restore = add_command(model,
                                "restore",
                                "Make objects what they were at a position, by new events",
                                model_restore_);
    add_stream(restore, model_restore_.stream);
    add(restore,
        "--at",
        "The state behind this event, or at @TIME",
        position_into(model_restore_.at))
        ->type_name("POS")
        ->required();
    add_choice(restore, model_restore_.type, model_restore_.object);
    restore.add_flag("--dry-run", model_restore_.dry_run, "Tell what would change, and do nothing");
}

void Grammar::add_model_commands() {
    auto& model = *app.add_subcommand("model", "What a stream's events come to");
    model.require_subcommand(1);
    auto& show = add_command(model, "show", "Objects with their fields", model_show_);
    add_stream(show, model_show_.stream);
    add_choice(show, model_show_.type, model_show_.object);
    add(show,
        "--at",
        "As they were behind this event; without it, at the end",
        position_into(model_show_.at))
        ->type_name("POS");
    add_rewind(model);

    auto& history = add_command(
        app, "history", "Who changed an object, when, by which rule, what lost", history_);
    add_stream(history, history_.stream);
    history.add_option("OBJECT", history_.object, "Its id")->type_name("")->required();

    auto& conflicts = *app.add_subcommand("conflicts", "What authors did unaware of each other");
    conflicts.require_subcommand(1);
    auto& list = add_command(conflicts, "ls", "The newest conflicts", conflicts_list_);
    add_stream(list, conflicts_list_.stream);
    list.add_flag("--open", conflicts_list_.open, "Only those that nobody has settled");
    auto const numbered = [this](CLI::App& command, std::string& stream, std::uint64_t& number) {
        add_stream(command, stream);
        add(command, "NUMBER", "As `capstan conflicts ls` has it", conflict_into(number))
            ->type_name("")
            ->required();
    };
    numbered(add_command(conflicts, "show", "Both sides, authors, rule", conflicts_show_),
             conflicts_show_.stream,
             conflicts_show_.number);
    auto& resolve = add_command(
        conflicts, "resolve", "Decide otherwise, or at all: an ordinary event", conflicts_resolve_);
    numbered(resolve, conflicts_resolve_.stream, conflicts_resolve_.number);
    auto* const take =
        resolve.add_option("--take", conflicts_resolve_.take, "Whose value is to stand")
            ->type_name("winner|loser")
            ->check(CLI::IsMember({"winner", "loser"}));
    resolve.add_option("--value", conflicts_resolve_.value, "This one: true, 7, \"text\"")
        ->type_name("JSON")
        ->excludes(take);
}

}  // namespace capstan::cli
