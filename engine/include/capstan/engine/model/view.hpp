#pragma once
#include <capstan/engine/coalesce/assign.hpp>
#include <capstan/engine/model/model.hpp>
#include <capstan/engine/model/overlay.hpp>
#include <capstan/engine/model/query.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capstan {

/// What a field holds, as a whole; nothing if that is nothing.
std::optional<coalesce::FieldValue> content_of(Field const& field);

/// What a device's user sees: the confirmed model with the device's own pending mutations on it.
///
/// Reading works out what is pending on an object when it changed since it was last read; all else
/// is read where it is. Lifetime: model and overlay outlive it. Threading: that of the model.
class View {
  public:
    View(Model const& model, Overlay& overlay) : model_(model), overlay_(overlay) {}

    /// Its type, or nothing if there is no such object.
    std::optional<std::string> type(std::string_view object) const;
    /// Nothing if there is no such object. Fields without content are left out.
    std::optional<coalesce::ObjectValue> get(std::string_view object) const;
    /// The same, with what is pending on it as it was shown before.
    std::optional<coalesce::ObjectValue> get(Overlay::Shown const& shown) const;

    /// Of a register. Nothing if absent.
    std::optional<Value> value(std::string_view object, std::string_view field) const;
    /// All values of a register, by seq, pending ones last; more than one only under `multi`.
    std::vector<Value> values(std::string_view object, std::string_view field) const;
    /// Of a counter; 0 if never touched.
    std::int64_t counter(std::string_view object, std::string_view field) const;
    /// Of a set, in the order of `StoredValue`.
    std::vector<Value> elements(std::string_view object, std::string_view field) const;
    bool contains(std::string_view object, std::string_view field, Value const& element) const;
    /// Of a map, in order of key.
    std::vector<std::pair<std::string, Value>> entries(std::string_view object,
                                                       std::string_view field) const;
    /// What a text holds, UTF-8; empty if absent.
    std::string text(std::string_view object, std::string_view field) const;
    /// What a list holds; empty if absent.
    std::vector<Value> list(std::string_view object, std::string_view field) const;
    /// How many code points a text holds, elements a list, a set or a map.
    std::uint64_t size(std::string_view object, std::string_view field, FieldKind kind) const;
    /// Whether the field has content of this kind.
    bool has(std::string_view object, std::string_view field, FieldKind kind) const;

    /// Ids of live objects in the query's order: as `query` of a model, and what is pending counts.
    /// Costs that of the confirmed query, and of looking at all objects that are pending.
    std::vector<std::string> query(Query const& query) const;

    /// Ids of all live objects, in their order.
    std::vector<std::string> ids() const;

    Tables const& tables() const { return model_.tables(); }

  private:
    Field const* field(std::string_view object, std::string_view name, FieldKind kind) const {
        return overlay_.field(object, name, kind);
    }
    StoredValue const& register_value(std::string_view object, std::string_view name) const;
    bool matches(Object const& object, Query const& query) const;

    Model const& model_;
    Overlay& overlay_;
};

}  // namespace capstan
