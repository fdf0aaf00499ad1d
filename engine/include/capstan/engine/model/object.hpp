#pragma once
#include <capstan/engine/model/policy.hpp>
#include <capstan/engine/model/stamp.hpp>
#include <capstan/engine/model/stored_value.hpp>
#include <capstan/engine/text/list.hpp>
#include <capstan/engine/text/text.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace capstan {

/// A value in a register, or one that lost there.
struct StampedValue {
    StoredValue value;
    Write write;
    friend bool operator==(StampedValue const&, StampedValue const&) = default;
};

/// What a register keeps beside its value.
struct RegisterMore {
    std::vector<StampedValue> entries;  // `multi`: the other live values, by seq
    // Lost to a write that did not know them; by seq, above the mark.
    std::vector<StampedValue> siblings;
    bool empty() const { return entries.empty() && siblings.empty(); }
};

/// A value with its stamp. Under `multi` the greatest in causal order; the others stand in `more`.
struct Register {
    StoredValue value;  // absent after `unset`
    Write write;        // seq 0: never written
    std::unique_ptr<RegisterMore> more;

    bool written() const { return write.seq != 0; }
    Register copy() const;
};

/// An element of a set, or a key of a map with its value.
struct Element {
    std::vector<Touch> adds;     // live dots, by seq; the element is present iff there is one
    std::vector<Touch> removes;  // remove wins: dots of removes, by seq; above the mark
    Register value;              // maps only

    bool present() const { return !adds.empty(); }
    Element copy() const;
};
/// By `StoredValue::key()` in sets, by the key itself in maps.
using Elements = std::map<std::string, Element, std::less<>>;

/// An increment that a later `counter_set` might not have seen.
struct CounterAdd {
    Touch touch;
    std::int64_t delta = 0;
};

/// What all kinds but registers keep.
struct FieldMore {
    std::vector<CounterAdd> adds;  // counter: above the mark, by seq
    Elements elements;             // set, map
    std::unique_ptr<Text> text;    // nothing: never edited; so for `list`
    std::unique_ptr<List> list;
};

/// State of one field of one object. A counter's total is `value` (wraps at 64 bits), its stamp
/// that of the last `counter_set` that won.
struct Field {
    NameNumber name = 0;
    FieldKind kind = FieldKind::reg;
    bool hash_stale = false;  // text, list: edited since `hash` was worked out
    bool due = false;         // text, list: the model's due queue names it
    std::uint64_t hash = 0;   // its part of the state hash
    Register value;
    std::unique_ptr<FieldMore> more;

    Field copy() const;
    /// Makes `more` where there is none.
    FieldMore& room();
    /// Nothing if it is no text, or was never edited.
    Text const* text() const { return more ? more->text.get() : nullptr; }
    List const* list() const { return more ? more->list.get() : nullptr; }
    /// How many code points a text holds, elements a list, a set or a map.
    std::uint64_t size() const;
};

/// What a list holds, in order.
std::vector<Value> list_values(Field const& field);

/// The fields of an object, found by name and kind. Small ones are scanned, large ones indexed.
/// All of them are one block of memory, places in front: a look touches a cache line or two, and an
/// object of few fields costs little more than they do.
class Fields {
  public:
    Fields() = default;
    Fields(Fields&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    Fields& operator=(Fields&& other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }
    ~Fields() { clear(); }

    Field* find(NameNumber name, FieldKind kind);
    Field const* find(NameNumber name, FieldKind kind) const {
        return const_cast<Fields*>(this)->find(name, kind);
    }
    /// Others may move.
    Field& find_or_add(NameNumber name, FieldKind kind);
    void clear();
    /// In the order of their first write here: no part of the state.
    std::span<Field const> all() const { return const_cast<Fields*>(this)->all(); }
    std::span<Field> all();
    std::size_t bytes() const;
    void prefetch() const { __builtin_prefetch(block_); }

  private:
    using Place = std::uint32_t;
    static constexpr std::size_t kScanMax = 32;
    struct Block;
    static Place place(NameNumber name, FieldKind kind) {
        return name * static_cast<Place>(kFieldKinds) + static_cast<Place>(kind);
    }
    void grow();

    Block* block_ = nullptr;  // nothing: no field
};

/// Where an object stands by its insert: the sort key of causal order. Objects that one offline
/// device inserted stay together.
struct InsertStamp {
    std::uint64_t a = 0;
    std::uint64_t run_first = 0;
    std::uint64_t seq = 0;
    DeviceNumber device = kNoDevice;
    friend bool operator==(InsertStamp const&, InsertStamp const&) = default;
};

/// The newest touch, and the newest by any other device: together they tell in O(1) whether an
/// author saw all of them.
struct Touches {
    Touch last;
    Touch other;
    void add(Touch const& touch);
    bool all_seen(Author const& author) const { return author.saw(last) && author.saw(other); }
    bool all_seen_at_p(Author const& author) const {
        return author.saw_at_p(last) && author.saw_at_p(other);
    }
    /// The newest one that the author had not seen. Precondition: not all seen.
    Touch newest_unseen(Author const& author) const { return author.saw(last) ? other : last; }
    friend bool operator==(Touches const&, Touches const&) = default;
};

enum class ObjectState : std::uint8_t {
    unknown,  // never inserted, or forgotten
    live,
    contested,  // live, and deleted by someone who did not know of a change: `surfaced`
    dead,       // a tombstone, above the mark
};

/// An object with its stamps. What every update reads stands first.
struct Object {
    std::string id;
    std::uint64_t id_hash = 0;
    NameNumber type = 0;
    ObjectState state = ObjectState::unknown;
    DeleteRule deleted_under = DeleteRule::delete_wins;  // dead or contested
    bool hash_stale = false;                             // so is that of a text or list in it
    Fields fields;                                       // dead: kept where an update may revive it
    std::uint64_t fields_hash = 0;                       // sum over its fields
    std::uint64_t birth_hash = 0;                        // of id, type, insert stamp and life
    std::uint64_t hash = 0;  // its part of the state hash; 0 unless alive. `Model::state_hash`
                             // brings those up to date whose texts and lists were edited
    Touches changes;         // by operations that were not void; a losing write counts
    Touch life;              // the delete before this life that its author knew of; seq 0 for none
    InsertStamp inserted;
    std::unique_ptr<Touches> deletions;  // dead: of its death alone; contested: all unsettled ones

    bool alive() const { return state == ObjectState::live || state == ObjectState::contested; }
};

}  // namespace capstan
