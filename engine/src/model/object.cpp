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
    Field out{name, kind, hash, value.copy(), nullptr};
    if (more) {
        out.room().adds = more->adds;
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

Field* Fields::find(NameNumber name, FieldKind kind) {
    if (index_) {
        auto const at = index_->find(place(name, kind));
        return at == index_->end() ? nullptr : &fields_[at->second];
    }
    for (Field& field : fields_) {
        if (field.name == name && field.kind == kind) {
            return &field;
        }
    }
    return nullptr;
}

Field& Fields::find_or_add(NameNumber name, FieldKind kind) {
    if (Field* const found = find(name, kind)) {
        return *found;
    }
    if (fields_.size() == fields_.capacity()) {
        // By half, not by double: most of a model's memory is here.
        fields_.reserve(fields_.size() + std::max<std::size_t>(fields_.size() / 2, 1));
    }
    Field& added = fields_.emplace_back();
    added.name = name;
    added.kind = kind;
    if (index_) {
        index_->emplace(place(name, kind), static_cast<std::uint32_t>(fields_.size() - 1));
    } else if (fields_.size() > kScanMax) {
        index_ = std::make_unique<std::unordered_map<std::uint64_t, std::uint32_t>>();
        for (std::size_t i = 0; i < fields_.size(); ++i) {
            index_->emplace(place(fields_[i].name, fields_[i].kind), static_cast<std::uint32_t>(i));
        }
    }
    return fields_.back();
}

void Fields::clear() {
    fields_ = std::vector<Field>();
    index_.reset();
}

std::size_t Fields::bytes() const {
    return fields_.capacity() * sizeof(Field) +
           (index_ ? index_->size() * 40 + index_->bucket_count() * sizeof(void*) : 0);
}

void Touches::add(Touch const& touch) {
    if (last.device != touch.device) {
        other = last;
    }
    last = touch;
}

}  // namespace capstan
