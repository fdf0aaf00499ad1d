#include <capstan/cli/command_line.hpp>
#include <capstan/schema/limits.hpp>
#include <capstan/schema/wire.hpp>
#include <charconv>

#include "commands.hpp"

/// Commands that need no server.
namespace capstan::cli {
namespace {

std::string code_text(Errc code) {
    return "CAP-" + std::to_string(static_cast<unsigned>(code));
}

ErrorEntry const* look_up(std::string_view text) {
    if (text.starts_with("CAP-")) {
        text.remove_prefix(4);
    }
    std::uint16_t number = 0;
    auto const* const end = text.data() + text.size();
    auto const [stopped, error] = std::from_chars(text.data(), end, number);
    return error == std::errc{} && stopped == end ? find_error(number) : find_error(text);
}

std::vector<Column> error_columns() {
    return {{.key = "code"},
            {.key = "name"},
            {.key = "class"},
            {.key = "meaning", .shrinks = true},
            {.key = "next", .shrinks = true}};
}

std::vector<Cell> cells_of(ErrorEntry const& entry) {
    return {code_text(entry.code),
            std::string(entry.name),
            std::string(to_string(entry.reaction)),
            std::string(entry.meaning),
            std::string(entry.next)};
}

}  // namespace

Result<> execute(Context& context, ShowText const& command) {
    context.output.write(command.text);
    context.output.flush();
    return success();
}

Result<> execute(Context& context, ShowVersion const&) {
    show(context.output,
         {{.key = "version"}, {.key = "protocol"}},
         {std::string(CAPSTAN_VERSION), std::uint64_t{kProtocolVersion}});
    return success();
}

Result<> execute(Context& context, ShowErrors const& command) {
    if (command.code.empty()) {
        Rows rows(context.output, error_columns());
        for (auto const& entry : error_catalogue()) {
            rows.add(cells_of(entry));
        }
        rows.end();
        return success();
    }
    auto const* entry = look_up(command.code);
    if (entry == nullptr) {
        return Error{Errc::not_found, "no error " + command.code + " in the catalogue"};
    }
    show(context.output, error_columns(), cells_of(*entry));
    return success();
}

Result<> execute(Context& context, Completion const& command) {
    CAPSTAN_TRY(auto const script, completion_script(command.shell));
    context.output.write(script);
    context.output.flush();
    return success();
}

}  // namespace capstan::cli
