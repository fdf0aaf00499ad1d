#include <capstan/engine/model/object_table.hpp>
#include <capstan/schema/hash.hpp>

namespace capstan {

std::uint32_t ObjectTable::find(std::string_view id) const {
    auto const hash = hash64(as_bytes(id));
    return index_.find(hash, [&](std::uint32_t slot) {
        Object const& object = at(slot);
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

std::size_t ObjectTable::bytes() const {
    return pages_.size() * kPageObjects * sizeof(Object) +
           free_.capacity() * sizeof(std::uint32_t) + index_.bytes();
}

}  // namespace capstan
