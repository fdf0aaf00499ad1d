#include <algorithm>
#include <capstan/sequencer/checkpoint_store.hpp>

namespace capstan {

std::string_view literal_prefix(StreamPattern const& pattern) {
    // Neither wildcard is legal in a name.
    std::string_view const text = pattern.str();
    return text.substr(0, std::min(text.find_first_of("*>"), text.size()));
}

}  // namespace capstan
