#include <algorithm>
#include <capstan/engine/model/view.hpp>
#include <limits>

#include "model/query_test.hpp"

namespace capstan {
namespace {

using coalesce::FieldValue;

std::vector<Value> elements_of(Field const& field) {
    std::vector<Value> out;
    for (auto const& [key, element] : field.more->elements) {
        if (element.present()) {
            out.push_back(*StoredValue::parse_key(key)->value());
        }
    }
    return out;
}

std::vector<std::pair<std::string, Value>> entries_of(Field const& field) {
    std::vector<std::pair<std::string, Value>> out;
    for (auto const& [key, element] : field.more->elements) {
        if (element.present()) {
            out.emplace_back(key, element.value.value.value().value_or(Value{}));
        }
    }
    return out;
}

std::optional<FieldValue> register_content(Field const& field) {
    auto value = field.value.value.value();
    return value ? std::optional<FieldValue>(*std::move(value)) : std::nullopt;
}

std::optional<FieldValue> counter_content(Field const& field) {
    auto const& total = field.value.value;
    return total.absent() ? std::nullopt
                          : std::optional<FieldValue>(coalesce::CounterField{total.as_int()});
}

}  // namespace

std::optional<FieldValue> content_of(Field const& field) {
    if (field.kind != FieldKind::reg && field.kind != FieldKind::counter && field.size() == 0) {
        return std::nullopt;
    }
    switch (field.kind) {
        case FieldKind::reg:
            return register_content(field);
        case FieldKind::counter:
            return counter_content(field);
        case FieldKind::set:
            return coalesce::SetField{elements_of(field)};
        case FieldKind::map: {
            auto const entries = entries_of(field);
            return coalesce::MapField{{entries.begin(), entries.end()}};
        }
        case FieldKind::list:
            return coalesce::ListField{list_values(field)};
        case FieldKind::text:
            return coalesce::TextField{field.text()->content().str()};
    }
    return std::nullopt;
}

namespace {

/// Adds what the fields hold, but for those that something pending hides.
void read(Object const& from,
          Overlay::Shown const* pending,
          Names const& names,
          coalesce::ObjectValue& out) {
    for (Field const& field : from.fields.all()) {
        bool const hidden = pending != nullptr && pending->hides(field.name, field.kind);
        if (auto content = hidden ? std::nullopt : content_of(field)) {
            out.fields.insert_or_assign(names.str(field.name), *std::move(content));
        }
    }
}

/// One object in the order of a query.
struct Row {
    std::string id;
    InsertStamp inserted;
    StoredValue by;
};

bool born_before(Row const& x, Row const& y) {
    auto const key = [](Row const& row) {
        auto const& at = row.inserted;
        return std::tie(at.a, at.run_first, at.seq, row.id);
    };
    return key(x) < key(y);
}

bool comes_before(Row const& x, Row const& y, Query const& query) {
    auto order = std::strong_ordering::equal;
    if (query.order == Query::Order::arrival) {
        order = x.inserted.seq <=> y.inserted.seq;
    } else if (query.order == Query::Order::field) {
        order = x.by <=> y.by;
    }
    bool const less = order != 0 ? order < 0 : born_before(x, y);
    return query.descending ? x.id != y.id && !less : less;
}

}  // namespace

std::optional<std::string> View::type(std::string_view object) const {
    Object const* const found = overlay_.find(object);
    return found == nullptr ? std::nullopt : std::optional(model_.tables().names.str(found->type));
}

std::optional<coalesce::ObjectValue> View::get(std::string_view object) const {
    if (auto const* const shown = overlay_.shown(object)) {
        return get(*shown);
    }
    Object const* const confirmed = model_.find(object);
    if (confirmed == nullptr) {
        return std::nullopt;
    }
    auto const& names = model_.tables().names;
    coalesce::ObjectValue out{names.str(confirmed->type), {}};
    read(*confirmed, nullptr, names, out);
    return out;
}

std::optional<coalesce::ObjectValue> View::get(Overlay::Shown const& shown) const {
    if (!shown.object.alive()) {
        return std::nullopt;
    }
    auto const& names = model_.tables().names;
    coalesce::ObjectValue out{names.str(shown.object.type), {}};
    if (Object const* const confirmed = model_.find(shown.object.id); confirmed != nullptr) {
        read(*confirmed, &shown, names, out);
    }
    read(shown.object, nullptr, names, out);
    return out;
}

StoredValue const& View::register_value(std::string_view object, std::string_view name) const {
    static StoredValue const kAbsent;
    Field const* const found = field(object, name, FieldKind::reg);
    return found == nullptr ? kAbsent : found->value.value;
}

std::optional<Value> View::value(std::string_view object, std::string_view name) const {
    return register_value(object, name).value();
}

std::vector<Value> View::values(std::string_view object, std::string_view name) const {
    Field const* const found = field(object, name, FieldKind::reg);
    if (found == nullptr) {
        return {};
    }
    std::vector<std::pair<std::uint64_t, Value>> by_seq;
    auto const add = [&by_seq](StoredValue const& stored, Write const& write) {
        if (auto value = stored.value()) {
            by_seq.emplace_back(write.seq, *std::move(value));
        }
    };
    add(found->value.value, found->value.write);
    if (found->value.more) {
        for (StampedValue const& entry : found->value.more->entries) {
            add(entry.value, entry.write);
        }
    }
    std::ranges::sort(by_seq, {}, [](auto const& one) { return one.first; });
    std::vector<Value> out;
    for (auto& [seq, value] : by_seq) {
        out.push_back(std::move(value));
    }
    return out;
}

std::int64_t View::counter(std::string_view object, std::string_view name) const {
    Field const* const found = field(object, name, FieldKind::counter);
    return found == nullptr || found->value.value.absent() ? 0 : found->value.value.as_int();
}

std::vector<Value> View::elements(std::string_view object, std::string_view name) const {
    Field const* const found = field(object, name, FieldKind::set);
    return found == nullptr || !found->more ? std::vector<Value>() : elements_of(*found);
}

bool View::contains(std::string_view object, std::string_view name, Value const& element) const {
    Field const* const found = field(object, name, FieldKind::set);
    if (found == nullptr || !found->more) {
        return false;
    }
    auto const at = found->more->elements.find(StoredValue(element).key());
    return at != found->more->elements.end() && at->second.present();
}

std::vector<std::pair<std::string, Value>> View::entries(std::string_view object,
                                                         std::string_view name) const {
    Field const* const found = field(object, name, FieldKind::map);
    return found == nullptr || !found->more ? std::vector<std::pair<std::string, Value>>()
                                            : entries_of(*found);
}

std::string View::text(std::string_view object, std::string_view name) const {
    return overlay_.text(object, name);
}

std::vector<Value> View::list(std::string_view object, std::string_view name) const {
    return overlay_.list(object, name);
}

std::uint64_t View::size(std::string_view object, std::string_view name, FieldKind kind) const {
    Field const* const found = field(object, name, kind);
    return found == nullptr ? 0 : found->size();
}

bool View::has(std::string_view object, std::string_view name, FieldKind kind) const {
    Field const* const found = field(object, name, kind);
    bool const whole = kind == FieldKind::reg || kind == FieldKind::counter;
    return found != nullptr && (whole ? !found->value.value.absent() : found->size() > 0);
}

std::vector<std::string> View::ids() const {
    std::vector<std::string> ids = overlay_.touched_objects();
    for (std::uint32_t slot = 0; slot < model_.objects().slots_end(); ++slot) {
        if (Object const& object = model_.objects().at(slot); object.alive()) {
            ids.push_back(object.id);
        }
    }
    std::ranges::sort(ids);
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    std::erase_if(ids, [this](std::string const& id) { return overlay_.find(id) == nullptr; });
    return ids;
}

bool View::matches(Object const& object, Query const& query) const {
    return model_.tables().names.str(object.type) == query.type &&
           std::ranges::all_of(query.where, [&](Query::Where const& where) {
               return holds(
                   where.test, register_value(object.id, where.field), StoredValue(where.value));
           });
}

std::vector<std::string> View::query(Query const& query) const {
    auto const pending = overlay_.touched_objects();
    Query confirmed = query;
    if (query.limit <= std::numeric_limits<std::size_t>::max() - pending.size()) {
        confirmed.limit += pending.size();
    }
    std::vector<Row> rows;
    auto const add = [&](Object const& object) {
        rows.push_back({object.id,
                        object.inserted,
                        query.order == Query::Order::field ? register_value(object.id, query.by)
                                                           : StoredValue()});
    };
    for (Object const* object : capstan::query(model_, confirmed)) {
        if (!std::ranges::binary_search(pending, object->id)) {
            add(*object);
        }
    }
    for (auto const& id : pending) {
        Object const* const object = overlay_.find(id);
        if (object != nullptr && matches(*object, query)) {
            add(*object);
        }
    }
    if (!pending.empty()) {
        std::ranges::sort(rows,
                          [&](Row const& x, Row const& y) { return comes_before(x, y, query); });
    }
    rows.resize(std::min(rows.size(), query.limit));
    std::vector<std::string> ids;
    for (Row& row : rows) {
        ids.push_back(std::move(row.id));
    }
    return ids;
}

}  // namespace capstan
