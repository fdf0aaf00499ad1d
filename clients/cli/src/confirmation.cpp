#include "confirmation.hpp"

namespace capstan::cli {

bool confirmed(Context& context, std::string const& question) {
    auto& surroundings = context.surroundings;
    if (context.globals.yes || !surroundings.in_is_terminal) {
        return context.globals.yes;
    }
    surroundings.err.write(question + " [y/N] ");
    surroundings.err.flush();
    auto const answer = surroundings.in.line().value_or("");
    return answer == "y" || answer == "yes";
}

}  // namespace capstan::cli
