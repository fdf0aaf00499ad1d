#pragma once
#include <capstan/engine/model/stored_value.hpp>
#include <capstan/engine/text/edit.hpp>
#include <capstan/engine/text/merging.hpp>
#include <capstan/engine/text/sum_tree.hpp>
#include <cstdint>
#include <span>
#include <vector>

namespace capstan {

/// Names an element of a list by the operation that inserted it: its event's seq and its place
/// among the event's operations on that object. Elements keep their ids for life, and replicas
/// agree on them, also those that hold only some objects. 0 names none.
struct ElementId {
    std::uint64_t value = 0;
    static constexpr ElementId of(Stamp stamp, std::uint32_t place) {
        auto const pending = stamp.value & Stamp::kPendingBase;
        return {pending | stamp.value << 12 | place};  // an event has at most 4,096 operations
    }
    friend auto operator<=>(ElementId, ElementId) = default;
};

/// An element as its list keeps it. Its value never changes.
struct ListItem {
    ElementId id;
    StoredValue value;
    friend bool operator==(ListItem const&, ListItem const&) = default;
};

/// Elements in order, read and changed anywhere in O(log n). Ranges past the end are the caller's
/// mistake (an invariant).
/// Threading: none; const functions too fill the hash.
class ElementSequence {
  public:
    using Piece = std::span<ListItem const>;
    using Items = std::vector<ListItem>;

    explicit ElementSequence(Piece elements, EditTuning const& tuning = kEditTuning);
    ElementSequence(ElementSequence&&) noexcept;
    ElementSequence& operator=(ElementSequence&&) noexcept;
    ~ElementSequence();

    std::uint64_t items() const { return tree_.total().items; }
    ListItem const& at(std::uint64_t place) const;
    Items all() const;
    void append_slice(Items& items, std::uint64_t at, std::uint64_t count) const;
    /// The answer is how many that is.
    std::uint64_t insert(std::uint64_t at, Piece elements);
    void erase(std::uint64_t at, std::uint64_t count);

    /// Of ids and values in their order: a function of the list alone, however it came about. Costs
    /// O(log n) for each change since it was last asked for.
    std::uint64_t hash() const;

    /// Frees the room that is kept for more elements.
    void give_back();
    /// Bytes allocated, for measurement.
    std::uint64_t memory_bytes() const;

    static std::uint64_t count(Piece elements) { return elements.size(); }
    static std::uint64_t count_least(Piece elements) { return elements.size(); }
    static Items slice_of(Piece elements, std::uint64_t at, std::uint64_t count);
    void check_invariants() const;

  private:
    struct Leaf;
    /// Its hash is filled in when asked for; `add` forgets it.
    struct Sum {
        std::uint64_t items = 0;
        mutable std::uint64_t hash = 0;
        mutable std::uint64_t power = 1;  // of the base, to the number of items
        mutable bool hashed = false;
        void add(Sum const& other) {
            items += other.items;
            hashed = false;
        }
        friend bool operator==(Sum const& a, Sum const& b) { return a.items == b.items; }
    };
    using Tree = SumTree<Leaf, Sum>;
    struct Leaf : SumHook<Leaf, Sum> {
        Items elements;
    };
    struct Place {
        Leaf* leaf;
        std::uint64_t at;
    };

    Place find(std::uint64_t at) const;
    void fill_behind(Leaf* leaf, Piece elements);
    static void fill_hash(Sum const& sum, Leaf const& leaf);
    static void fill_hash(Sum const& sum, Tree::Node const& node);

    std::size_t leaf_items_;
    Tree tree_;
};

extern template class Merging<ElementSequence>;

/// A list that merges: items are elements.
using List = Merging<ElementSequence>;
using ListSplice = List::Edit;

}  // namespace capstan
