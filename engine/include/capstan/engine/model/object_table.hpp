#pragma once
#include <capstan/engine/model/hash_index.hpp>
#include <capstan/engine/model/object.hpp>
#include <memory>
#include <string_view>
#include <vector>

namespace capstan {

/// Objects by id, each at a slot that it keeps while it is there. Slots are used again; neither
/// their numbers nor their order are part of a model's state.
class ObjectTable {
  public:
    static constexpr std::uint32_t kNone = HashIndex::kNone;

    std::uint32_t find(std::string_view id) const;
    /// Precondition: no object has this id.
    std::uint32_t add(std::string_view id);
    void remove(std::uint32_t slot);

    Object& at(std::uint32_t slot) { return pages_[slot / kPageObjects][slot % kPageObjects]; }
    Object const& at(std::uint32_t slot) const {
        return pages_[slot / kPageObjects][slot % kPageObjects];
    }
    /// One above the highest slot ever used. Slots without an object have an empty id.
    std::uint32_t slots_end() const { return slots_end_; }
    std::size_t size() const { return index_.size(); }
    std::size_t bytes() const;

  private:
    static constexpr std::uint32_t kPageObjects = 256;
    static std::uint64_t hash(std::string_view id);

    std::vector<std::unique_ptr<Object[]>> pages_;
    std::vector<std::uint32_t> free_;
    std::uint32_t slots_end_ = 0;
    HashIndex index_;
};

}  // namespace capstan
