#pragma once
#include <algorithm>
#include <array>
#include <capstan/schema/error.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace capstan {

inline constexpr std::size_t kSumTreeFan = 16;

template <class Leaf, class Sum>
struct SumNode;

/// What hangs at a slot of a node: another node, or a leaf.
template <class Leaf, class Sum>
struct SumPart {
    SumNode<Leaf, Sum>* parent = nullptr;  // none: the root, or the only leaf
    std::size_t slot = 0;                  // in the parent
};

/// What a leaf of a `SumTree` derives from: its neighbours beside its place in the tree.
template <class Leaf, class Sum>
struct SumHook : SumPart<Leaf, Sum> {
    Leaf* before = nullptr;
    Leaf* after = nullptr;
};

template <class Leaf, class Sum>
struct SumNode : SumPart<Leaf, Sum> {
    std::size_t count = 0;
    bool above_leaves = true;
    std::array<Sum, kSumTreeFan> sums{};
    std::array<SumPart<Leaf, Sum>*, kSumTreeFan> parts{};

    Leaf* leaf(std::size_t at) const { return static_cast<Leaf*>(parts[at]); }
    SumNode* node(std::size_t at) const { return static_cast<SumNode*>(parts[at]); }
};

/// A sequence of leaves with sums over any prefix: a B+ tree that owns its leaves. `Sum` is
/// default-constructed empty, and `add` puts another one behind or beside it. Every operation is
/// O(log leaves); a leaf keeps its address for life. There is always at least one leaf.
/// Invariants: 1. a slot's sum is the sum of what hangs there. 2. `total()` is the sum of all.
/// 3. all leaves are at one depth. 4. neighbours are those in tree order.
template <class Leaf, class Sum>
class SumTree {
  public:
    using Node = SumNode<Leaf, Sum>;

    explicit SumTree(std::unique_ptr<Leaf> leaf, Sum const& sum = {})
        : first_(leaf.release()), last_(first_), total_(sum), leaves_(1) {}
    SumTree(SumTree&& other) noexcept
        : root_(std::exchange(other.root_, nullptr)),
          first_(std::exchange(other.first_, nullptr)),
          last_(std::exchange(other.last_, nullptr)),
          total_(other.total_),
          leaves_(other.leaves_) {}
    SumTree& operator=(SumTree&& other) noexcept {
        std::swap(root_, other.root_);
        std::swap(first_, other.first_);
        std::swap(last_, other.last_);
        std::swap(total_, other.total_);
        std::swap(leaves_, other.leaves_);
        return *this;
    }
    ~SumTree() {
        drop_nodes(root_);
        for (auto* leaf = first_; leaf != nullptr;) {
            delete std::exchange(leaf, leaf->after);
        }
    }

    Leaf* first() const { return first_; }
    Leaf* last() const { return last_; }
    std::size_t leaves() const { return leaves_; }
    std::size_t nodes() const { return root_ == nullptr ? 0 : nodes_below(root_); }
    Sum const& total() const { return total_; }
    Node const* root() const { return root_; }
    Sum const& sum(Leaf const* leaf) const {
        return leaf->parent == nullptr ? total_ : leaf->parent->sums[leaf->slot];
    }

    /// The sum of all leaves before this one.
    Sum before(Leaf const* leaf) const;

    /// Adds to a leaf's sum. What is subtracted is added as its complement.
    void add(Leaf* leaf, Sum const& delta) {
        total_.add(delta);
        auto slot = leaf->slot;
        for (auto* node = leaf->parent; node != nullptr; node = node->parent) {
            node->sums[slot].add(delta);
            slot = node->slot;
        }
    }

    /// Replaces a leaf's sum.
    void set(Leaf* leaf, Sum const& sum);

    Leaf* insert_after(Leaf* left, std::unique_ptr<Leaf> leaf, Sum const& sum);

    /// Takes a leaf out; never the only one.
    void erase(Leaf* leaf);

    /// Goes through the parts in order. `skip(sum)` true passes a whole part; `stop(leaf)` true
    /// ends the search at that leaf. Nothing if the end is reached.
    template <class Skip, class Stop>
    Leaf* search(Skip&& skip, Stop&& stop) const {
        if (skip(total_)) {
            return nullptr;
        }
        if (root_ != nullptr) {
            return search_in(root_, skip, stop);
        }
        return stop(first_) ? first_ : nullptr;
    }

    /// The first leaf up to whose end `measure` reaches `amount`, or the last leaf; `amount`
    /// becomes what is left of it there.
    template <class Measure>
    Leaf* find(std::uint64_t& amount, Measure&& measure) const {
        auto* node = root_;
        while (node != nullptr) {
            std::size_t slot = 0;
            while (slot + 1 < node->count && measure(node->sums[slot]) < amount) {
                amount -= measure(node->sums[slot++]);
            }
            if (node->above_leaves) {
                return node->leaf(slot);
            }
            node = node->node(slot);
        }
        return first_;
    }

    void check_invariants() const;

  private:
    template <class Skip, class Stop>
    static Leaf* search_in(Node* node, Skip&& skip, Stop&& stop);
    static void drop_nodes(Node* node);
    static std::size_t nodes_below(Node const* node);
    static Sum sum_of(Node const* node);
    static void put(Node* node, std::size_t slot, SumPart<Leaf, Sum>* part, Sum const& sum);
    static void open_slot(Node* node, std::size_t slot);
    static void close_slot(Node* node, std::size_t slot);
    static void take_slots(Node* to, Node* from, std::size_t first);
    void refresh_up(Node* node);
    Node* node_for_slot(Node* node, std::size_t& slot);
    void raise_root();
    Node* split(Node* node, std::size_t first_moved);
    void shrink(Node* node);
    void absorb_sibling(Node* node);
    void check_node(Node const* node, Leaf const*& expected) const;

    Node* root_ = nullptr;  // none: a single leaf
    Leaf* first_;
    Leaf* last_;
    Sum total_;
    std::size_t leaves_;
};

}  // namespace capstan

#include <capstan/engine/text/sum_tree_impl.hpp>
