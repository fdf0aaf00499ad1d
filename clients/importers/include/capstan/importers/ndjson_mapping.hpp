#pragma once
#include <capstan/importers/author.hpp>
#include <capstan/importers/line_template.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/event.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// How lines of JSON stand in streams. A line is one event that inserts one object:
///
///   /import   Import  id, source, format    with the first imported event of a stream
///   <id>      <type>  the registers that the mapping names, or all top-level fields
///
/// Null, true, false, integers, other numbers and strings stay what they are; arrays and objects
/// become their JSON text.
namespace capstan::importers {

inline constexpr std::int64_t kNdjsonImportFormat = 1;
/// Of a line of input, without its end.
inline constexpr std::size_t kLineBytesMax = 1'000'000;
/// How deep a line's arrays and objects may stand in each other.
inline constexpr std::size_t kLineDepthMax = 64;

/// A field of the object that becomes a register.
struct RegisterMapping {
    std::string name;
    std::string path;
    bool optional = false;  // else a line without it is an error

    /// `text=x`, `x`, and with a `?` behind it where the field may be missing. Errors: `usage`.
    static Result<RegisterMapping> parse(std::string_view text);
    friend bool operator==(RegisterMapping const&, RegisterMapping const&) = default;
};

/// What becomes what. A path is the name of a top-level field, or names joined by dots.
struct NdjsonMapping {
    LineTemplate stream;
    std::optional<LineTemplate> author;  // none: all lines have the same one
    LineTemplate id;
    LineTemplate type;
    std::vector<RegisterMapping> registers;  // none: every top-level field under its own name
    std::string file;                        // what {@file} says
};

struct MappedLine {
    StreamName stream;
    std::string author;
    std::string object;
    Event event;
};

/// Reads one line. In a stream's name, bytes of a field that no name may hold, and braces, become
/// `=` and two hex digits, as `=` itself does: #ubuntu is =23ubuntu.
/// Errors: `request_invalid` (no JSON object, a field is missing or has no place in a name or a
/// register), `too_large` (the event would be), `stream_name_invalid`.
Result<MappedLine> map_line(NdjsonMapping const& mapping,
                            std::string_view line,
                            std::uint64_t number);

/// The device of an author of lines.
DeviceId line_author_device(ImportId const& import, std::string_view author);

/// The operations that name the import, for the first event of a stream.
std::vector<Op> ndjson_import_ops(ImportId const& import);

}  // namespace capstan::importers
