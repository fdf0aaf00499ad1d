#pragma once
#include <capstan/engine/coalesce/assign.hpp>
#include <capstan/engine/model/changes.hpp>
#include <optional>
#include <string>
#include <vector>

namespace capstan::sync {

/// What is different for a user who saw a field like this before: updates of it, or of its elements
/// and keys; none: absent. Texts and lists differ by the splices of a bounded diff. Preconditions:
/// one of both is there, and they are of one kind.
void append_difference(std::string const& object,
                       std::string const& type,
                       std::string const& field,
                       coalesce::FieldValue const* before,
                       coalesce::FieldValue const* after,
                       std::vector<Change>& out);

/// The same of a whole object; nothing: there is none.
void append_difference(std::string const& object,
                       std::optional<coalesce::ObjectValue> const& before,
                       std::optional<coalesce::ObjectValue> const& after,
                       std::vector<Change>& out);

}  // namespace capstan::sync
