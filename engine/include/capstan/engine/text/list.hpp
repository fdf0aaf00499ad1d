#pragma once
#include <capstan/engine/text/edit.hpp>
#include <capstan/engine/text/merging.hpp>
#include <capstan/engine/text/sum_tree.hpp>
#include <cstdint>
#include <span>
#include <vector>

namespace capstan {

/// An element of a list, as its model knows it: a name for its value, which the model keeps. The
/// list gives it no meaning, and it stays when the edit that made it is acknowledged.
struct ElementId {
    std::uint64_t value = 0;
    friend auto operator<=>(ElementId, ElementId) = default;
};

/// Elements in order, read and changed anywhere in O(log n). Ranges past the end are the caller's
/// mistake (an invariant).
class Elements {
  public:
    using Piece = std::span<ElementId const>;
    using Items = std::vector<ElementId>;

    explicit Elements(Piece elements, EditTuning const& tuning = kEditTuning);
    Elements(Elements&&) noexcept;
    Elements& operator=(Elements&&) noexcept;
    ~Elements();

    std::uint64_t items() const { return tree_.total().items; }
    ElementId at(std::uint64_t place) const;
    Items all() const;
    void append_slice(Items& items, std::uint64_t at, std::uint64_t count) const;
    /// The answer is how many that is.
    std::uint64_t insert(std::uint64_t at, Piece elements);
    void erase(std::uint64_t at, std::uint64_t count);

    /// Frees the room that is kept for more elements.
    void give_back();

    static std::uint64_t count(Piece elements) { return elements.size(); }
    static std::uint64_t count_least(Piece elements) { return elements.size(); }
    static Items slice_of(Piece elements, std::uint64_t at, std::uint64_t count);
    void check_invariants() const;

  private:
    struct Leaf;
    struct Sum {
        std::uint64_t items = 0;
        void add(Sum const& other) { items += other.items; }
        friend bool operator==(Sum const&, Sum const&) = default;
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

    std::size_t leaf_items_;
    Tree tree_;
};

extern template class Merging<Elements>;

/// A list that merges: items are elements.
using List = Merging<Elements>;
using ListSplice = List::Edit;

}  // namespace capstan
