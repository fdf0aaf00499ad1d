#pragma once
#include <array>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace capstan {

/// The id of another object.
struct Reference {
    std::string object;
    friend bool operator==(Reference const&, Reference const&) = default;
};

/// Bytes that live beside the tape, by what they are.
struct BlobReference {
    std::array<std::byte, 32> sha256{};
    std::uint64_t size_bytes = 0;
    std::string media_type;
    friend bool operator==(BlobReference const&, BlobReference const&) = default;
};

/// A value of a field. The kinds are those of `fb::ValueKind`; text is UTF-8.
using Value = std::variant<std::monostate,
                           bool,
                           std::int64_t,
                           double,
                           std::string,
                           Bytes,
                           Reference,
                           BlobReference>;

/// What an operation does. The numbers are those of `fb::OpKind`, and for ever.
enum class OpKind : std::uint8_t {
    set,
    insert,
    remove,
    unset,
    add,
    set_add,
    set_remove,
    map_put,
    map_remove,
    list_insert,
    list_remove,
    list_move,
    splice,
    counter_set,
    list_set,
};

/// One operation on one object. Which fields count depends on the kind (event.fbs tells).
struct Op {
    OpKind kind = OpKind::set;
    std::string object;  // never empty here; on the wire a repeated id is left out
    std::string field;
    Value value;
    std::string type;         // insert
    std::string key;          // map_put, map_remove
    std::uint64_t at = 0;     // list_*, splice
    std::uint64_t count = 0;  // list_remove, splice
    std::uint64_t to = 0;     // list_move
    friend bool operator==(Op const&, Op const&) = default;
};

/// One immutable fact of a stream: some operations that take effect together.
struct Event {
    std::vector<Op> ops;
    /// What the author had really seen, when an author rebase moved p. 0 is a place too: it had
    /// seen nothing.
    std::optional<Seq> authored_p;
    friend bool operator==(Event const&, Event const&) = default;
};

/// One standalone FlatBuffer (event.fbs, no size prefix, no identifier).
Bytes encode_event(Event const& event);

/// Verifies with limits, then checks meaning: kinds, ids, UTF-8, counts. Errors: `malformed`,
/// `too_large`. An event that this build cannot read is still stored and delivered: the fold never
/// looks inside.
Result<Event> decode_event(ByteView bytes);

/// Whether the text is well-formed UTF-8.
bool is_utf8(std::string_view text);

}  // namespace capstan
