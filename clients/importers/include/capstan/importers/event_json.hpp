#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/event.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

/// Events as JSON for people, and back to the very same bytes.
namespace capstan::importers {

using Json = nlohmann::ordered_json;

std::string hex(ByteView bytes);
/// Errors: `malformed` (not lower-case hex).
Result<Bytes> bytes_of_hex(std::string_view text);

std::string_view name_of(OpKind kind);
/// What JSON has is itself; bytes, references and blobs are objects that say so.
Json to_json(Value const& value);
Json to_json(Op const& op);
/// What `to_json` made of an operation. Errors: `malformed`.
Result<Op> op_of(Json const& json);

/// What an event says, as members of a JSON object on one line, the text of a body of JSON last and
/// as it was given:
///
///   members := ["type": TEXT ,] ("text": TEXT | "bytes": HEX | "json": JSON)     a body
///            | "ops": […] [, "authored_p": SEQ]                                  any other event
///            | "event": HEX                                                      as it stands
///
/// The readable forms are used where they lead back to the same bytes, the last one elsewhere.
std::string event_members(ByteView event);

/// The event of a line that holds such members. `json` is what `line` says.
/// Errors: `malformed`, `too_large`.
Result<Bytes> event_of(std::string_view line, Json const& json);

}  // namespace capstan::importers
