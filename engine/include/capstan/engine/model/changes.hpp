#pragma once
#include <capstan/engine/model/policy.hpp>
#include <capstan/schema/event.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

/// What one edit does to a text (items are code points, `Items` is UTF-8) or a list, as a reader at
/// the head sees it: at `at`, what `removed` holds goes, then what `inserted` holds comes.
template <class Items>
struct EffectOf {
    std::uint64_t at = 0;
    Items removed;
    Items inserted;
    friend bool operator==(EffectOf const&, EffectOf const&) = default;
};
using TextEffect = EffectOf<std::string>;
using ListEffect = EffectOf<std::vector<Value>>;

/// What became visible. `update` tells of one field, or of one element of a set or key of a map.
struct Change {
    enum class Kind : std::uint8_t { insert, update, remove, revive, contest, settle };
    Kind kind = Kind::update;
    std::string object;
    std::string type;
    std::string field;                      // update
    FieldKind field_kind = FieldKind::reg;  // update
    Value key;                              // update of a set: the element; of a map: the key
    std::optional<Value> before;            // a present element of a set is `true`
    std::optional<Value> after;
    // update of a text or list: in order, each at its place after those before it
    std::vector<TextEffect> text;
    std::vector<ListEffect> list;
    friend bool operator==(Change const&, Change const&) = default;
};

/// The rule that decided a conflict. The first three groups are the policies of `policy.hpp`.
enum class Rule : std::uint8_t {
    causal,
    arrival,
    first,
    max,
    min,
    multi,
    add_wins,
    remove_wins,
    delete_wins,
    update_wins,
    surfaced,
    id_taken,  // an insert of an id that was alive was applied as an update
};
std::string_view to_string(Rule rule);

/// One side of a conflict: who, when, having seen what, and what was written.
struct ConflictSide {
    Seq seq;
    Seq a;  // had seen 1..a; 0 where it is no longer known
    DeviceId device;
    std::optional<Value> value;  // nothing: removed, deleted or unset
    friend bool operator==(ConflictSide const&, ConflictSide const&) = default;
};

/// Two operations whose authors did not know each other, and how that was decided. Under `multi`
/// and `surfaced` both sides stand until an author who knows both writes: an ordinary event.
struct Conflict {
    Rule rule = Rule::causal;
    std::string object;
    std::string type;
    std::string field;  // empty: the object itself
    FieldKind field_kind = FieldKind::reg;
    Value key;  // set: the element; map: the key
    ConflictSide winner;
    ConflictSide loser;
    bool open = false;  // both sides stand
    friend bool operator==(Conflict const&, Conflict const&) = default;
};

/// Why operations had no effect.
enum class VoidReason : std::uint8_t {
    missing,        // no such object, or its deletion lies at or below the mark
    deleted,        // its deletion won; a conflict record tells of it
    known_deleted,  // its author knew that the object is deleted
    earlier_life,   // meant for a life of the object that had ended
    below_mark,     // needs the window, and p lies below the mark
    kind,           // the field is declared to be of another kind
    operand,        // a value that the operation cannot take
    position,       // outside what its author saw
    unsupported,    // of a kind that this build does not reconcile
};
std::string_view to_string(VoidReason reason);

/// Operations of one event on one object that had no effect: all of them, or the one that is named.
struct VoidOps {
    VoidReason reason = VoidReason::missing;
    std::string object;
    std::optional<std::uint32_t> op;  // place in the event; nothing: all on this object
    Seq seq;
    DeviceId device;
    friend bool operator==(VoidOps const&, VoidOps const&) = default;
};

/// What an event did to a model, in order of object id, then of its operations.
struct Changes {
    std::vector<Change> changes;
    std::vector<Conflict> conflicts;
    std::vector<VoidOps> voids;

    bool empty() const { return changes.empty() && conflicts.empty() && voids.empty(); }
    void clear();
    friend bool operator==(Changes const&, Changes const&) = default;
};

}  // namespace capstan
