#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace capstan {

/// A place in a stream as people write it, on the command line, in URLs and in the SDKs:
///
///   position := "first"      the first event that the tape holds
///             | "last"       the newest event
///             | "tail"       the next event to come
///             | "snapshot"   the newest snapshot, then what follows it
///             | seq          118
///             | "-" count    back from the tail: -10 is where the last ten events begin
///             | "@" time     the first event that the server took at or after the time
///   time     := date | date "T" hh:mm[:ss[.fraction]] zone | "-" age
///   zone     := "Z" | ("+" | "-") hh:mm
///   age      := (digits ("w" | "d" | "h" | "m" | "s" | "ms"))+       longest unit first
///
/// A date alone begins at midnight, UTC. Times are the server's and for people, never for order.
struct StreamPosition {
    enum class Kind : std::uint8_t { first, last, tail, snapshot, seq, back, time, age };

    Kind kind = Kind::tail;
    Seq seq;                  // seq
    std::uint64_t count = 0;  // back: 1 or more
    std::int64_t micros = 0;  // time: since 1970; age: before now, 0 or more

    /// Errors: `position_invalid`.
    static Result<StreamPosition> parse(std::string_view text);

    /// The first event wanted, where the stream holds tape_first..head; nothing for a time, an age
    /// or a snapshot, which only a look into the stream can tell. "Back" stops at the first event.
    std::optional<Seq> resolve(Seq tape_first, Seq head) const;

    friend bool operator==(StreamPosition const&, StreamPosition const&) = default;
};
/// The shortest form that parses to the same.
std::string to_string(StreamPosition const& position);

/// `2026-11-20T10:00:00Z`, with as many digits of the fraction as it takes; years 0001 to 9999.
std::string to_string(WallTime time);
/// RFC 3339, or a date alone. Errors: `request_invalid`.
Result<WallTime> parse_time(std::string_view text);

/// `1h30m`, `500ms`: the `age` of the grammar above, in microseconds. Errors: `request_invalid`.
Result<std::int64_t> parse_duration(std::string_view text);

}  // namespace capstan
