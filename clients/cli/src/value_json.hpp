#pragma once
#include <capstan/engine/coalesce/assign.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/event.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

/// Values of events and models as JSON: what JSON has is itself; bytes, references and blobs are
/// objects that say so.
namespace capstan::cli {

using Json = nlohmann::ordered_json;

std::string hex(ByteView bytes);
Json to_json(Value const& value);
/// Nothing as null.
Json to_json(std::optional<Value> const& value);
/// A counter is a number, a set and a list an array, a map an object, a text a string.
Json to_json(coalesce::FieldValue const& field);
/// On one line; what is not UTF-8 becomes U+FFFD.
std::string dump(Json const& json);
/// What people give as a value: true, false, a number, or a string in quotes. Errors: `usage`.
Result<Value> parse_value(std::string_view json);

}  // namespace capstan::cli
