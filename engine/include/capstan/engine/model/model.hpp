#pragma once
#include <algorithm>
#include <capstan/engine/model/changes.hpp>
#include <capstan/engine/model/due.hpp>
#include <capstan/engine/model/insert_order.hpp>
#include <capstan/engine/model/object.hpp>
#include <capstan/engine/model/object_table.hpp>
#include <capstan/engine/model/placed_op.hpp>
#include <capstan/engine/model/tables.hpp>
#include <capstan/schema/event.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

struct EditRoom;

/// The objects that a stream's events up to `head()` make. Value semantics but for copying; one
/// thread at a time.
///
/// Same events, same state: `state_hash()` and the encoded bytes depend on nothing else, least of
/// all on when something was collected. A model that is given only the events of some objects
/// agrees with a full one on those.
class Model {
  public:
    /// When to let go of what is kept only above the merge mark. It never changes an outcome.
    enum class Collect : std::uint8_t { as_applied, when_told };

    explicit Model(Collect collect = Collect::as_applied);
    Model(Model&&) noexcept;
    Model& operator=(Model&&) noexcept;
    ~Model();

    /// Applies a stream's next event. Total: every event has a defined effect, void operations none
    /// but a record. `changes` is filled, not cleared; nothing: nobody listens.
    /// Precondition: stamp.seq > head(); events may be left out, but not repeated.
    void apply(Event const& event, EventStamp const& stamp, Changes* changes);

    Seq head() const { return Seq{head_}; }
    /// The greatest merge mark that came with an event.
    Seq mark() const { return Seq{mark_}; }
    /// Forgets all that lies at or below the mark.
    void collect();

    /// An object that is alive, or nothing.
    Object const* find(std::string_view id) const;
    /// How many objects are alive.
    std::size_t size() const { return alive_; }
    /// Its value; the causally greatest under `multi`. Nothing if absent.
    std::optional<Value> value(Object const& object, std::string_view field) const;
    /// All live values, by seq; more than one only under `multi`, unresolved.
    std::vector<StampedValue> values(Object const& object, std::string_view field) const;
    /// Its total, 0 if never touched.
    std::int64_t counter(Object const& object, std::string_view field) const;
    bool contains(Object const& object, std::string_view field, Value const& element) const;
    /// In the order of `StoredValue`.
    std::vector<Value> elements(Object const& object, std::string_view field) const;
    std::optional<Value> value(Object const& object,
                               std::string_view field,
                               std::string_view key) const;
    /// In order of key.
    std::vector<std::pair<std::string, Value>> entries(Object const& object,
                                                       std::string_view field) const;

    /// What a text holds, UTF-8.
    std::string text(Object const& object, std::string_view field) const;
    /// What a list holds.
    std::vector<Value> list(Object const& object, std::string_view field) const;
    /// How many code points a text holds, elements a list, a set or a map.
    std::uint64_t size(Object const& object, std::string_view field, FieldKind kind) const;
    /// Its state, for conversions of places, slices and what else there is; valid until the next
    /// event is applied. Nothing if it was never touched.
    Field const* field(Object const& object, std::string_view name, FieldKind kind) const;

    /// Over all that is kept for ever of live objects: values, stamps, and what texts and lists
    /// hold. Order-independent; O(1), and O(log n) for each text or list edited since the last
    /// call.
    std::uint64_t state_hash() const;

    /// Nothing that edits put at `p` or later are judged against is forgotten: a device with
    /// pending edits says what they were made on. Nothing: whatever the mark lets go may go.
    void keep_from(std::optional<Seq> p) { keep_from_ = p.value_or(kSeqMax).value; }

    Tables const& tables() const { return tables_; }
    ObjectTable const& objects() const { return objects_; }
    std::map<NameNumber, InsertOrder> const& by_insert() const { return by_insert_; }
    DueQueue const& due() const { return due_; }
    /// Bytes in use, values on the heap included; an estimate for limits and figures.
    std::size_t bytes() const;

    void check_invariants() const;

  private:
    friend class Overlay;  // interns names
    friend class PendingRebase;
    friend class ModelRestore;  // builds one from bytes
    friend class ModelUpdate;   // takes over what changed

    void apply_to_object(Author const& author, std::size_t first, std::size_t end, Changes*);
    void moved(Object const& object,
               std::uint32_t slot,
               bool was_alive,
               NameNumber type_before,
               InsertStamp const& inserted_before);
    /// An object from elsewhere, hashes and all, whose id is not there.
    std::uint32_t place(Object object);
    void take_out(std::uint32_t slot);
    void add_due(std::vector<Due> due);
    void collect(std::size_t facts_max);
    void forget(Due const& due);
    void read_policies();
    void collect_content(Field& field, Due const& due);
    std::uint64_t collectable() const { return std::min(mark_, keep_from_); }

    Collect collect_;
    Tables tables_;
    mutable ObjectTable objects_;
    std::map<NameNumber, InsertOrder> by_insert_;
    DueQueue due_;
    std::uint64_t head_ = 0;
    std::uint64_t mark_ = 0;
    std::uint64_t keep_from_ = kSeqMax.value;
    mutable std::uint64_t hash_ = 0;            // sum over `Object::hash`
    mutable std::vector<std::uint32_t> stale_;  // slots of objects with `hash_stale`
    std::size_t alive_ = 0;
    bool policies_changed_ = false;
    std::vector<PlacedOp> ops_;  // of the event at hand, by object
    std::unique_ptr<EditRoom> room_;
};

/// `Model::apply`, with what it changed.
Changes apply(Model& model, Event const& event, EventStamp const& stamp);

}  // namespace capstan
