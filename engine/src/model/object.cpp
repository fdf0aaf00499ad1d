#include <algorithm>
#include <capstan/engine/model/object.hpp>

namespace capstan {

Register Register::copy() const {
    Register out{value, write, nullptr};
    if (more) {
        out.more = std::make_unique<RegisterMore>(*more);
    }
    return out;
}

Element Element::copy() const {
    return {adds, removes, value.copy()};
}

Field Field::copy() const {
    Field out;
    out.name = name;
    out.kind = kind;
    out.hash_stale = hash_stale;
    out.hash = hash;
    out.value = value.copy();
    if (more) {
        out.room().adds = more->adds;
        if (more->text) {
            out.more->text = std::make_unique<Text>(more->text->clone());
        }
        if (more->list) {
            out.more->list = std::make_unique<List>(more->list->clone());
        }
        for (auto const& [key, element] : more->elements) {
            out.more->elements.emplace_hint(out.more->elements.end(), key, element.copy());
        }
    }
    return out;
}

FieldMore& Field::room() {
    if (!more) {
        more = std::make_unique<FieldMore>();
    }
    return *more;
}

std::uint64_t Field::size() const {
    if (!more) {
        return 0;
    }
    if (more->text || more->list) {
        return more->text ? more->text->content().items() : more->list->content().items();
    }
    return static_cast<std::uint64_t>(std::ranges::count_if(
        more->elements, [](auto const& entry) { return entry.second.present(); }));
}

std::vector<Value> list_values(Field const& field) {
    std::vector<Value> values;
    if (List const* const list = field.list()) {
        for (ListItem const& item : list->content().all()) {
            values.push_back(item.value.value().value());
        }
    }
    return values;
}

Field* Fields::find(NameNumber name, FieldKind kind) {
    auto const wanted = place(name, kind);
    if (index_) {
        auto const at = index_->find(wanted);
        return at == index_->end() ? nullptr : &fields_[at->second];
    }
    auto const at = std::ranges::find(places_, wanted);
    return at == places_.end() ? nullptr : &fields_[static_cast<std::size_t>(at - places_.begin())];
}

Field& Fields::find_or_add(NameNumber name, FieldKind kind) {
    if (Field* const found = find(name, kind)) {
        return *found;
    }
    if (fields_.size() == fields_.capacity()) {
        // By a quarter, not by double: most of a model's memory is here.
        fields_.reserve(fields_.size() + 1 + fields_.size() / 4);
        places_.reserve(fields_.capacity());
    }
    fields_.emplace_back().name = name;
    fields_.back().kind = kind;
    places_.push_back(place(name, kind));
    if (index_) {
        index_->emplace(places_.back(), static_cast<std::uint32_t>(fields_.size() - 1));
    } else if (fields_.size() > kScanMax) {
        index_ = std::make_unique<std::unordered_map<Place, std::uint32_t>>();
        for (std::size_t i = 0; i < places_.size(); ++i) {
            index_->emplace(places_[i], static_cast<std::uint32_t>(i));
        }
    }
    return fields_.back();
}

void Fields::clear() {
    fields_ = std::vector<Field>();
    places_ = std::vector<Place>();
    index_.reset();
}

std::size_t Fields::bytes() const {
    return fields_.capacity() * sizeof(Field) + places_.capacity() * sizeof(Place) +
           (index_ ? index_->size() * 24 + index_->bucket_count() * sizeof(void*) : 0);
}

void Touches::add(Touch const& touch) {
    if (last.device != touch.device) {
        other = last;
    }
    last = touch;
}

}  // namespace capstan
