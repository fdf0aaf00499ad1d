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
    /// Whether the field has content of this kind.
    bool has(std::string_view object, std::string_view field, FieldKind kind) const;

    /// Ids of live objects in the query's order: as `query` of a model, and what is pending counts.
    /// Costs that of the confirmed query, and of looking at all objects that are pending.
    std::vector<std::string> query(Query const& query) const;

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
