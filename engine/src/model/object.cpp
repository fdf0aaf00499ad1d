#include <algorithm>
#include <capstan/engine/model/object.hpp>
#include <new>
#include <unordered_map>

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

/// Behind it stand `capacity` places, then as many fields, `count` of each in use.
struct Fields::Block {
    std::uint32_t count = 0;
    std::uint32_t capacity = 0;
    std::unique_ptr<std::unordered_map<Place, std::uint32_t>> index;  // of more than `kScanMax`

    static std::size_t bytes(std::size_t capacity) {
        return fields_at(capacity) + capacity * sizeof(Field);
    }
    static std::size_t fields_at(std::size_t capacity) {
        auto const places_end = sizeof(Block) + capacity * sizeof(Place);
        return (places_end + alignof(Field) - 1) / alignof(Field) * alignof(Field);
    }
    Place* places() { return reinterpret_cast<Place*>(this + 1); }
    Field* fields() {
        return reinterpret_cast<Field*>(reinterpret_cast<std::byte*>(this) + fields_at(capacity));
    }
    static Block* make(std::size_t capacity) {
        static_assert(alignof(Block) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
        static_assert(alignof(Field) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
        auto* const block = new (::operator new(bytes(capacity))) Block;
        block->capacity = static_cast<std::uint32_t>(capacity);
        return block;
    }
    static void drop(Block* block) {
        std::destroy_n(block->fields(), block->count);
        block->~Block();
        ::operator delete(block);
    }
};

std::span<Field> Fields::all() {
    return block_ == nullptr ? std::span<Field>() : std::span(block_->fields(), block_->count);
}

Field* Fields::find(NameNumber name, FieldKind kind) {
    if (block_ == nullptr) {
        return nullptr;
    }
    auto const wanted = place(name, kind);
    if (block_->index) {
        auto const at = block_->index->find(wanted);
        return at == block_->index->end() ? nullptr : block_->fields() + at->second;
    }
    auto const* const places = block_->places();
    auto const* const at = std::find(places, places + block_->count, wanted);
    return at == places + block_->count ? nullptr : block_->fields() + (at - places);
}

/// By a quarter, not by double: most of a model's memory is here.
void Fields::grow() {
    std::size_t const count = block_ == nullptr ? 0 : block_->count;
    auto* const larger = Block::make(count + 1 + count / 4);
    if (block_ != nullptr) {
        std::copy_n(block_->places(), count, larger->places());
        std::uninitialized_move_n(block_->fields(), count, larger->fields());
        larger->count = block_->count;
        larger->index = std::move(block_->index);
        Block::drop(block_);
    }
    block_ = larger;
}

Field& Fields::find_or_add(NameNumber name, FieldKind kind) {
    if (Field* const found = find(name, kind)) {
        return *found;
    }
    if (block_ == nullptr || block_->count == block_->capacity) {
        grow();
    }
    auto const at = block_->count++;
    auto& field = *new (block_->fields() + at) Field;
    field.name = name;
    field.kind = kind;
    block_->places()[at] = place(name, kind);
    if (block_->index) {
        block_->index->emplace(block_->places()[at], at);
    } else if (block_->count > kScanMax) {
        block_->index = std::make_unique<std::unordered_map<Place, std::uint32_t>>();
        for (std::uint32_t i = 0; i < block_->count; ++i) {
            block_->index->emplace(block_->places()[i], i);
        }
    }
    return field;
}

void Fields::clear() {
    if (block_ != nullptr) {
        Block::drop(std::exchange(block_, nullptr));
    }
}

std::size_t Fields::bytes() const {
    if (block_ == nullptr) {
        return 0;
    }
    auto const& index = block_->index;
    return Block::bytes(block_->capacity) +
           (index ? index->size() * 24 + index->bucket_count() * sizeof(void*) : 0);
}

void Touches::add(Touch const& touch) {
    if (last.device != touch.device) {
        other = last;
    }
    last = touch;
}

}  // namespace capstan
