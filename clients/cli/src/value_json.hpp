#pragma once
#include <capstan/engine/coalesce/assign.hpp>
#include <capstan/importers/event_json.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/event.hpp>
#include <string>
#include <string_view>

/// Values of models as JSON, as events have them.
namespace capstan::cli {

using importers::hex;
using importers::Json;
using importers::to_json;

/// Nothing as null.
Json to_json(std::optional<Value> const& value);
/// A counter is a number, a set and a list an array, a map an object, a text a string.
Json to_json(coalesce::FieldValue const& field);
/// On one line; what is not UTF-8 becomes U+FFFD.
std::string dump(Json const& json);
/// What people give as a value: true, false, a number, or a string in quotes. Errors: `usage`.
Result<Value> parse_value(std::string_view json);

}  // namespace capstan::cli
