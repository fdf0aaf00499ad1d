#pragma once
#include <capstan/engine/model/changes.hpp>
#include <capstan/engine/model/due.hpp>
#include <capstan/engine/model/object.hpp>
#include <capstan/engine/model/placed_op.hpp>
#include <capstan/engine/model/tables.hpp>
#include <capstan/schema/event.hpp>

namespace capstan {

/// A field, or a key of a map, that an operation is about.
struct Target {
    Field& field;
    std::string const* key = nullptr;  // map: the key; set: the element's key
};

/// The kind of field that an operation implies. Nothing for `insert` and `remove`.
std::optional<FieldKind> kind_of(OpKind kind);

/// Room for the edits of one event, used again by the next.
struct EditRoom {
    /// An operation on a text or list, by its field.
    struct Placed {
        NameNumber name;
        FieldKind kind;
        PlacedOp op;
        std::uint32_t number;  // among the event's operations on the object
    };
    std::vector<Placed> ops;
    std::vector<TextSplice> text;
    std::vector<TextSplice> text_effects;
    std::vector<ListSplice> list;
    std::vector<ListSplice> list_effects;
    std::vector<ListItem> items;  // what `list` inserts
};

/// One event's author at one object: what the rules of all kinds judge by and report to.
struct Scene {
    Author const& author;
    Tables& tables;            // names are interned as they come up
    Policies const& policies;  // in force for this event
    Object& object;
    std::uint32_t slot;  // of the object in its model
    Changes* changes;    // nothing: nobody listens
    DueQueue* due;       // nothing: this state is never collected
    EditRoom& room;
    std::uint64_t keep_from = ~std::uint64_t{0};  // windows of texts and lists keep what is above
    std::uint64_t seed() const { return object.id_hash; }

    /// Those in force for the operation's field in an object of that type.
    FieldRules const& rules_of(Op const& op, NameNumber type) const {
        auto const name = policies.empty() ? std::nullopt : tables.names.find(op.field);
        return policies.field(type, name.value_or(Policies::kAny));
    }
    /// What stands above the mark now and is to be forgotten when the mark passes it.
    void remember(Target const& target) const;

    ConflictSide side(Write const& write, StoredValue const& value) const;
    ConflictSide side(Touch const& touch) const;
    ConflictSide own_side(StoredValue const& value) const { return side(author.write(), value); }

    void conflict(Rule rule, ConflictSide winner, ConflictSide loser, bool open = false) const;
    void conflict(Target const& target,
                  Rule rule,
                  ConflictSide winner,
                  ConflictSide loser,
                  bool open = false) const;
    /// A change of the object as a whole.
    void changed(Change::Kind kind) const;
    void changed(Target const& target, StoredValue const& before, StoredValue const& after) const;
    /// A change of a text or list; `removed` is all that the effects remove, in their order.
    void changed(Field const& field,
                 std::span<TextSplice const> effects,
                 std::string removed) const;
    void changed(Field const& field,
                 std::span<ListSplice const> effects,
                 std::vector<ListItem> const& removed) const;
    void voided(VoidReason reason, std::optional<std::uint32_t> op = {}) const;

  private:
    Change& updated(Field const& field) const;
    static Value key_of(Target const& target);
};

}  // namespace capstan
