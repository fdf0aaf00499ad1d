#pragma once
#include <capstan/schema/event.hpp>
#include <cstdint>
#include <optional>
#include <string>

namespace capstan {

/// An event that is one body, kept as it was given: what `capstan append` and HTTP write for those
/// who have no objects. A reader gets the very same text or bytes back.
///
///   ops := [set body.type := text]  set body.(text | json) := text  or  set body.bytes := bytes
struct Body {
    enum class Kind : std::uint8_t { text, json, bytes };

    Kind kind = Kind::text;
    std::string content;  // text: UTF-8; json: one JSON value, white space and all
    std::string type;     // what the app calls it; may be empty
    friend bool operator==(Body const&, Body const&) = default;
};

Event to_event(Body body);
/// Nothing for an event of another layout.
std::optional<Body> body_of(Event const& event);

}  // namespace capstan
