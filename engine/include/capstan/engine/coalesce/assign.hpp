#pragma once
#include <capstan/engine/coalesce/diff.hpp>
#include <capstan/schema/event.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace capstan::coalesce {

// The whole value of a field, by kind. A register holds a plain `Value`.
struct CounterField {
    std::int64_t total = 0;
};
struct SetField {
    std::vector<Value> elements;  // in any order; one that is there twice counts once
};
struct MapField {
    std::map<std::string, Value> entries;
};
struct ListField {
    std::vector<Value> elements;
};
struct TextField {
    std::string text;  // UTF-8
};
using FieldValue = std::variant<Value, CounterField, SetField, MapField, ListField, TextField>;

/// An object with all its fields. A register that is unset is not there.
struct ObjectValue {
    std::string type;
    std::map<std::string, FieldValue> fields;
};

/// The fewest operations that make of `before` (none: there is no such object yet) what `after`
/// says, field by field in order of their names:
///
/// - a register is set, or unset if it is not there any more;
/// - a counter gets one `add` of the difference, modulo 2^64 as counters count;
/// - sets and maps get their elements added, put and removed, one operation each;
/// - lists and texts get the edits of `diff_list` and `diff_text`.
///
/// Nothing is said about what is equal. Values are compared as `same` does: int64 exactly, doubles
/// by their bits. A counter, set, map, list or text that is not there is one that is empty.
/// Each list and text may take `steps_max` steps.
/// Errors: `request_invalid` (another type, or a field of another kind: that is another object).
Result<std::vector<Op>> assign(std::string_view object,
                               ObjectValue const* before,
                               ObjectValue const& after,
                               std::size_t steps_max = kDiffStepsMax);

}  // namespace capstan::coalesce
