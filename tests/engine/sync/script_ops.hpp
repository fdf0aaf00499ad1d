// Operations as scripts write them: `insert A, set A f 2, add A f 2, remove A`.
#pragma once
#include <capstan/schema/event.hpp>
#include <string>
#include <string_view>

namespace capstan::test {

/// One event. Values are numbers. Throws std::invalid_argument.
Event parse_ops(std::string_view text);
/// The same form; `?` for an operation that scripts don't write.
std::string text_of(Event const& event);

}  // namespace capstan::test
