// The larger functions of SumTree; included by sum_tree.hpp alone.
#pragma once
#include <capstan/engine/text/sum_tree.hpp>

namespace capstan {

template <class Leaf, class Sum>
Sum SumTree<Leaf, Sum>::before(Leaf const* leaf) const {
    Sum sum;
    auto slot = leaf->slot;
    for (auto const* node = leaf->parent; node != nullptr; node = node->parent) {
        for (std::size_t i = 0; i < slot; ++i) {
            sum.add(node->sums[i]);
        }
        slot = node->slot;
    }
    return sum;
}

template <class Leaf, class Sum>
void SumTree<Leaf, Sum>::set(Leaf* leaf, Sum const& sum) {
    if (leaf->parent == nullptr) {
        total_ = sum;
        return;
    }
    leaf->parent->sums[leaf->slot] = sum;
    refresh_up(leaf->parent);
}

template <class Leaf, class Sum>
Leaf* SumTree<Leaf, Sum>::insert_after(Leaf* left, std::unique_ptr<Leaf> owned, Sum const& sum) {
    if (root_ == nullptr) {
        root_ = new Node;
        root_->count = 1;
        put(root_, 0, left, total_);
    }
    auto slot = left->slot + 1;
    auto* node = node_for_slot(left->parent, slot);
    auto* leaf = owned.release();
    open_slot(node, slot);
    put(node, slot, leaf, sum);
    leaf->before = left;
    leaf->after = left->after;
    (leaf->after == nullptr ? last_ : leaf->after->before) = leaf;
    left->after = leaf;
    ++leaves_;
    refresh_up(node);
    return leaf;
}

template <class Leaf, class Sum>
void SumTree<Leaf, Sum>::erase(Leaf* leaf) {
    CAPSTAN_INVARIANT(leaves_ > 1);
    (leaf->before == nullptr ? first_ : leaf->before->after) = leaf->after;
    (leaf->after == nullptr ? last_ : leaf->after->before) = leaf->before;
    auto* node = leaf->parent;
    close_slot(node, leaf->slot);
    delete leaf;
    --leaves_;
    shrink(node);
}

template <class Leaf, class Sum>
template <class Skip, class Stop>
Leaf* SumTree<Leaf, Sum>::search_in(Node* node, Skip&& skip, Stop&& stop) {
    for (std::size_t slot = 0; slot < node->count; ++slot) {
        if (skip(node->sums[slot])) {
            continue;
        }
        if (!node->above_leaves) {
            if (auto* leaf = search_in(node->node(slot), skip, stop)) {
                return leaf;
            }
        } else if (stop(node->leaf(slot))) {
            return node->leaf(slot);
        }
    }
    return nullptr;
}

template <class Leaf, class Sum>
void SumTree<Leaf, Sum>::drop_nodes(Node* node) {
    if (node == nullptr) {
        return;
    }
    for (std::size_t slot = 0; !node->above_leaves && slot < node->count; ++slot) {
        drop_nodes(node->node(slot));
    }
    delete node;
}

template <class Leaf, class Sum>
std::size_t SumTree<Leaf, Sum>::nodes_below(Node const* node) {
    std::size_t nodes = 1;
    for (std::size_t slot = 0; !node->above_leaves && slot < node->count; ++slot) {
        nodes += nodes_below(node->node(slot));
    }
    return nodes;
}

template <class Leaf, class Sum>
Sum SumTree<Leaf, Sum>::sum_of(Node const* node) {
    Sum sum;
    for (std::size_t slot = 0; slot < node->count; ++slot) {
        sum.add(node->sums[slot]);
    }
    return sum;
}

template <class Leaf, class Sum>
void SumTree<Leaf, Sum>::put(Node* node,
                             std::size_t slot,
                             SumPart<Leaf, Sum>* part,
                             Sum const& sum) {
    node->sums[slot] = sum;
    node->parts[slot] = part;
    part->parent = node;
    part->slot = slot;
}

template <class Leaf, class Sum>
void SumTree<Leaf, Sum>::open_slot(Node* node, std::size_t slot) {
    for (auto i = node->count++; i > slot; --i) {
        put(node, i, node->parts[i - 1], node->sums[i - 1]);
    }
}

template <class Leaf, class Sum>
void SumTree<Leaf, Sum>::close_slot(Node* node, std::size_t slot) {
    --node->count;
    for (auto i = slot; i < node->count; ++i) {
        put(node, i, node->parts[i + 1], node->sums[i + 1]);
    }
}

/// Moves the slots of `from` from `first` on behind those of `to`.
template <class Leaf, class Sum>
void SumTree<Leaf, Sum>::take_slots(Node* to, Node* from, std::size_t first) {
    for (auto i = first; i < from->count; ++i) {
        put(to, to->count++, from->parts[i], from->sums[i]);
    }
    from->count = first;
}

template <class Leaf, class Sum>
void SumTree<Leaf, Sum>::refresh_up(Node* node) {
    for (; node->parent != nullptr; node = node->parent) {
        node->parent->sums[node->slot] = sum_of(node);
    }
    total_ = sum_of(root_);
}

/// Makes sure that the node has a free slot; where the wanted one goes is the answer. Behind the
/// last slot a new node is started, so that what is built by appending stays full.
template <class Leaf, class Sum>
auto SumTree<Leaf, Sum>::node_for_slot(Node* node, std::size_t& slot) -> Node* {
    if (node->count < kSumTreeFan) {
        return node;
    }
    auto const first_moved = slot == kSumTreeFan ? slot : kSumTreeFan / 2;
    auto* right = split(node, first_moved);
    if (slot < first_moved) {
        return node;
    }
    slot -= first_moved;
    return right;
}

template <class Leaf, class Sum>
void SumTree<Leaf, Sum>::raise_root() {
    auto* old = std::exchange(root_, new Node);
    root_->above_leaves = false;
    root_->count = 1;
    put(root_, 0, old, total_);
}

template <class Leaf, class Sum>
auto SumTree<Leaf, Sum>::split(Node* node, std::size_t first_moved) -> Node* {
    if (node->parent == nullptr) {
        raise_root();
    }
    auto slot = node->slot + 1;
    auto* parent = node_for_slot(node->parent, slot);
    auto* right = new Node;
    right->above_leaves = node->above_leaves;
    take_slots(right, node, first_moved);
    open_slot(parent, slot);
    put(parent, slot, right, sum_of(right));
    refresh_up(right);
    refresh_up(node);
    return right;
}

/// After a slot was closed: drops what is empty, joins what is small, lowers the root.
template <class Leaf, class Sum>
void SumTree<Leaf, Sum>::shrink(Node* node) {
    while (node->count == 0 && node->parent != nullptr) {
        auto* parent = node->parent;
        close_slot(parent, node->slot);
        delete std::exchange(node, parent);
    }
    absorb_sibling(node);
    refresh_up(node);
    while (!root_->above_leaves && root_->count == 1) {
        auto* old = std::exchange(root_, root_->node(0));
        root_->parent = nullptr;
        root_->slot = 0;
        delete old;
    }
}

template <class Leaf, class Sum>
void SumTree<Leaf, Sum>::absorb_sibling(Node* node) {
    auto* parent = node->parent;
    if (parent == nullptr || node->slot + 1 == parent->count) {
        return;
    }
    auto* right = parent->node(node->slot + 1);
    if (node->count + right->count > kSumTreeFan / 2) {
        return;
    }
    take_slots(node, right, 0);
    close_slot(parent, right->slot);
    delete right;
}

template <class Leaf, class Sum>
void SumTree<Leaf, Sum>::check_node(Node const* node, Leaf const*& expected) const {
    CAPSTAN_INVARIANT(node->count > 0 && node->count <= kSumTreeFan);
    for (std::size_t slot = 0; slot < node->count; ++slot) {
        if (node->above_leaves) {
            auto const* leaf = node->leaf(slot);
            CAPSTAN_INVARIANT(leaf == expected && leaf->parent == node && leaf->slot == slot);
            CAPSTAN_INVARIANT(leaf->after == nullptr || leaf->after->before == leaf);
            expected = leaf->after;
        } else {
            auto const* child = node->node(slot);
            CAPSTAN_INVARIANT(child->parent == node && child->slot == slot);
            CAPSTAN_INVARIANT(sum_of(child) == node->sums[slot]);
            check_node(child, expected);
        }
    }
}

template <class Leaf, class Sum>
void SumTree<Leaf, Sum>::check_invariants() const {
    if (root_ == nullptr) {
        CAPSTAN_INVARIANT(leaves_ == 1 && first_ == last_ && first_->parent == nullptr);
        return;
    }
    Leaf const* expected = first_;
    check_node(root_, expected);
    CAPSTAN_INVARIANT(expected == nullptr && last_->after == nullptr);
    CAPSTAN_INVARIANT(sum_of(root_) == total_);
}

}  // namespace capstan
