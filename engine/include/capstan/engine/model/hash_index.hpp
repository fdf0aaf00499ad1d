#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace capstan {

/// Leads from the hash of a key to the number of what has it: open addressing, at most three
/// quarters full. The keys stay with their owner, who compares them. Nothing ever depends on its
/// order.
class HashIndex {
  public:
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};

    /// The number among those of this hash that `is_it` accepts, or `kNone`.
    template <class IsIt>
    std::uint32_t find(std::uint64_t hash, IsIt is_it) const {
        if (places_.empty()) {
            return kNone;
        }
        for (std::size_t at = home(hash);; at = next(at)) {
            Place const& place = places_[at];
            if (place.number == kNone) {
                return kNone;
            }
            if (place.tag == tag(hash) && is_it(place.number)) {
                return place.number;
            }
        }
    }
    /// Precondition: `number` is not in it yet.
    void insert(std::uint64_t hash, std::uint32_t number);
    /// Precondition: `number` is in it under this hash.
    void erase(std::uint64_t hash, std::uint32_t number);
    std::size_t size() const { return size_; }
    std::size_t bytes() const { return places_.capacity() * sizeof(Place); }

  private:
    struct Place {
        std::uint32_t number = kNone;
        std::uint32_t tag = 0;  // low half of the hash: places follow from it too
    };
    static std::uint32_t tag(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }
    std::size_t home(std::uint64_t hash) const { return tag(hash) & (places_.size() - 1); }
    std::size_t next(std::size_t at) const { return (at + 1) & (places_.size() - 1); }
    void put(Place place);
    void grow();

    std::vector<Place> places_;  // a power of two
    std::size_t size_ = 0;
};

}  // namespace capstan
