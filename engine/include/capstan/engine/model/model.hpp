#pragma once
#include <capstan/engine/model/changes.hpp>
#include <capstan/engine/model/due.hpp>
#include <capstan/engine/model/insert_order.hpp>
#include <capstan/engine/model/object.hpp>
#include <capstan/engine/model/object_table.hpp>
#include <capstan/engine/model/placed_op.hpp>
#include <capstan/engine/model/tables.hpp>
#include <capstan/schema/event.hpp>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

namespace capstan {

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

    explicit Model(Collect collect = Collect::as_applied) : collect_(collect) {}

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

    /// Over all that is kept for ever of live objects: values and stamps. Order-independent; O(1).
    std::uint64_t state_hash() const { return hash_; }

    Tables const& tables() const { return tables_; }
    ObjectTable const& objects() const { return objects_; }
    std::map<NameNumber, InsertOrder> const& by_insert() const { return by_insert_; }
    DueQueue const& due() const { return due_; }
    /// Bytes in use, values on the heap included; an estimate for limits and figures.
    std::size_t bytes() const;

    void check_invariants() const;

  private:
    friend class Overlay;       // interns names
    friend class ModelRestore;  // builds one from bytes

    void apply_to_object(Author const& author, std::size_t first, std::size_t end, Changes*);
    void moved(Object const& object,
               std::uint32_t slot,
               bool was_alive,
               NameNumber type_before,
               InsertStamp const& inserted_before);
    void collect(std::size_t facts_max);
    void forget(Due const& due);
    void read_policies();
    Field const* field(Object const& object, std::string_view name, FieldKind kind) const;

    Collect collect_;
    Tables tables_;
    ObjectTable objects_;
    std::map<NameNumber, InsertOrder> by_insert_;
    DueQueue due_;
    std::uint64_t head_ = 0;
    std::uint64_t mark_ = 0;
    std::uint64_t hash_ = 0;
    std::size_t alive_ = 0;
    bool policies_changed_ = false;
    std::vector<PlacedOp> ops_;  // of the event at hand, by object
};

/// `Model::apply`, with what it changed.
Changes apply(Model& model, Event const& event, EventStamp const& stamp);

}  // namespace capstan
