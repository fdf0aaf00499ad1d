#include <algorithm>
#include <capstan/engine/model/model.hpp>

namespace capstan {

Object const* Model::find(std::string_view id) const {
    auto const slot = objects_.find(id);
    if (slot == ObjectTable::kNone || !objects_.at(slot).alive()) {
        return nullptr;
    }
    return &objects_.at(slot);
}

Field const* Model::field(Object const& object, std::string_view name, FieldKind kind) const {
    auto const number = tables_.names.find(name);
    return number ? object.fields.find(*number, kind) : nullptr;
}

std::optional<Value> Model::value(Object const& object, std::string_view name) const {
    auto const* const found = field(object, name, FieldKind::reg);
    return found == nullptr ? std::nullopt : found->value.value.value();
}

std::vector<StampedValue> Model::values(Object const& object, std::string_view name) const {
    std::vector<StampedValue> out;
    auto const* const found = field(object, name, FieldKind::reg);
    if (found == nullptr) {
        return out;
    }
    if (found->value.more) {
        out = found->value.more->entries;
    }
    out.push_back({found->value.value, found->value.write});
    std::ranges::sort(out, {}, [](StampedValue const& one) { return one.write.seq; });
    return out;
}

std::int64_t Model::counter(Object const& object, std::string_view name) const {
    auto const* const found = field(object, name, FieldKind::counter);
    return found == nullptr || found->value.value.absent() ? 0 : found->value.value.as_int();
}

bool Model::contains(Object const& object, std::string_view name, Value const& element) const {
    auto const* const found = field(object, name, FieldKind::set);
    if (found == nullptr || !found->more) {
        return false;
    }
    auto const at = found->more->elements.find(StoredValue(element).key());
    return at != found->more->elements.end() && at->second.present();
}

std::vector<Value> Model::elements(Object const& object, std::string_view name) const {
    std::vector<Value> out;
    auto const* const found = field(object, name, FieldKind::set);
    if (found != nullptr && found->more) {
        for (auto const& [key, element] : found->more->elements) {
            if (element.present()) {
                out.push_back(*StoredValue::parse_key(key)->value());
            }
        }
    }
    return out;
}

std::optional<Value> Model::value(Object const& object,
                                  std::string_view name,
                                  std::string_view key) const {
    auto const* const found = field(object, name, FieldKind::map);
    if (found == nullptr || !found->more) {
        return std::nullopt;
    }
    auto const at = found->more->elements.find(key);
    if (at == found->more->elements.end() || !at->second.present()) {
        return std::nullopt;
    }
    return at->second.value.value.value();
}

std::vector<std::pair<std::string, Value>> Model::entries(Object const& object,
                                                          std::string_view name) const {
    std::vector<std::pair<std::string, Value>> out;
    auto const* const found = field(object, name, FieldKind::map);
    if (found != nullptr && found->more) {
        for (auto const& [key, element] : found->more->elements) {
            if (element.present()) {
                out.emplace_back(key, *element.value.value.value());
            }
        }
    }
    return out;
}

std::string Model::text(Object const& object, std::string_view name) const {
    auto const* const found = field(object, name, FieldKind::text);
    auto const* const text = found == nullptr ? nullptr : found->text();
    return text == nullptr ? std::string() : text->content().str();
}

std::vector<Value> Model::list(Object const& object, std::string_view name) const {
    auto const* const found = field(object, name, FieldKind::list);
    return found == nullptr ? std::vector<Value>() : list_values(*found);
}

std::uint64_t Model::size(Object const& object, std::string_view name, FieldKind kind) const {
    auto const* const found = field(object, name, kind);
    return found == nullptr ? 0 : found->size();
}

namespace {

std::size_t bytes_of(std::string const& text) {
    return text.capacity() > 15 ? text.capacity() + 1 : 0;
}

std::size_t bytes_of(Register const& reg) {
    std::size_t bytes = reg.value.heap_bytes();
    if (reg.more) {
        bytes += sizeof(RegisterMore);
        for (auto const* list : {&reg.more->entries, &reg.more->siblings}) {
            bytes += list->capacity() * sizeof(StampedValue);
            for (auto const& one : *list) {
                bytes += one.value.heap_bytes();
            }
        }
    }
    return bytes;
}

std::size_t bytes_of(Field const& field) {
    std::size_t bytes = bytes_of(field.value);
    if (field.more) {
        constexpr std::size_t kNodeBytes = 32;  // of a red-black tree
        bytes += sizeof(FieldMore) + field.more->adds.capacity() * sizeof(CounterAdd);
        for (auto const& [key, element] : field.more->elements) {
            bytes += kNodeBytes + sizeof(Elements::value_type) + bytes_of(key) +
                     (element.adds.capacity() + element.removes.capacity()) * sizeof(Touch) +
                     bytes_of(element.value);
        }
        bytes += field.more->text ? field.more->text->memory_bytes() : 0;
        bytes += field.more->list ? field.more->list->memory_bytes() : 0;
    }
    return bytes;
}

}  // namespace

std::size_t Model::bytes() const {
    std::size_t bytes = sizeof *this + tables_.names.bytes() + tables_.devices.bytes() +
                        objects_.bytes() + due_.size() * sizeof(Due);
    for (auto const& [type, order] : by_insert_) {
        bytes += order.bytes();
    }
    for (std::uint32_t slot = 0; slot < objects_.slots_end(); ++slot) {
        Object const& object = objects_.at(slot);
        bytes +=
            bytes_of(object.id) + object.fields.bytes() + (object.deletions ? sizeof(Touches) : 0);
        for (Field const& field : object.fields.all()) {
            bytes += bytes_of(field);
        }
    }
    return bytes;
}

}  // namespace capstan
