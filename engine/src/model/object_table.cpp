#include <algorithm>
#include <array>
#include <capstan/engine/model/object_table.hpp>
#include <capstan/schema/hash.hpp>

namespace capstan {
namespace {

void prefetch(Object const& object) {
    for (std::size_t line = 0; line < sizeof(Object); line += 64) {
        __builtin_prefetch(reinterpret_cast<char const*>(&object) + line);
    }
}

}  // namespace

std::uint32_t ObjectTable::find(std::string_view id) const {
    auto const hash = hash64(as_bytes(id));
    return index_.find(hash, [&](std::uint32_t slot) {
        Object const& object = at(slot);
        capstan::prefetch(object);  // what is found is used; its lines come at once, not one by one
        return object.id_hash == hash && object.id == id;
    });
}

std::uint32_t ObjectTable::add(std::string_view id) {
    std::uint32_t slot = slots_end_;
    if (!free_.empty()) {
        slot = free_.back();
        free_.pop_back();
    } else {
        ++slots_end_;
        if (slot % kPageObjects == 0) {
            pages_.push_back(std::make_unique<Object[]>(kPageObjects));
        }
    }
    Object& object = at(slot);
    object.id = id;
    object.id_hash = hash64(as_bytes(id));
    index_.insert(object.id_hash, slot);
    return slot;
}

void ObjectTable::remove(std::uint32_t slot) {
    index_.erase(at(slot).id_hash, slot);
    at(slot) = Object{};
    free_.push_back(slot);
}

void ObjectTable::prefetch(std::span<PlacedOp const> ops) const {
    constexpr std::size_t kObjectsMax = 32;
    if (ops.size() < 2) {
        return;
    }
    std::array<std::uint64_t, kObjectsMax> hashes;
    auto const count = std::min(ops.size(), kObjectsMax);
    for (std::size_t i = 0; i < count; ++i) {
        hashes[i] = hash64(as_bytes(ops[i].op->object));
        index_.prefetch(hashes[i]);
    }
    std::array<Object const*, kObjectsMax> objects;
    for (std::size_t i = 0; i < count; ++i) {
        auto const slot = index_.find(hashes[i], [](std::uint32_t) { return true; });
        objects[i] = slot == kNone ? nullptr : &at(slot);
        if (objects[i] != nullptr) {
            capstan::prefetch(*objects[i]);
        }
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (objects[i] != nullptr) {
            objects[i]->fields.prefetch();
        }
    }
}

std::size_t ObjectTable::bytes() const {
    return pages_.size() * kPageObjects * sizeof(Object) +
           free_.capacity() * sizeof(std::uint32_t) + index_.bytes();
}

}  // namespace capstan
