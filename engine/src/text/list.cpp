#include <capstan/engine/text/list.hpp>
#include <capstan/schema/hash.hpp>

#include "text/merging_impl.hpp"
#include "text/polynomial.hpp"

namespace capstan {

using namespace polynomial;

ElementSequence::ElementSequence(Piece elements, EditTuning const& tuning)
    : leaf_items_(std::max<std::size_t>(tuning.leaf_bytes / sizeof(ListItem), 2)),
      tree_(std::make_unique<Leaf>()) {
    fill_behind(tree_.first(), elements);
}
ElementSequence::ElementSequence(ElementSequence&&) noexcept = default;
ElementSequence& ElementSequence::operator=(ElementSequence&&) noexcept = default;
ElementSequence::~ElementSequence() = default;

/// Puts elements at the end of a leaf, and what has no room there into leaves behind it.
void ElementSequence::fill_behind(Leaf* leaf, Piece elements) {
    for (;;) {
        auto const room = leaf_items_ - leaf->elements.size();
        auto const here = elements.first(std::min(room, elements.size()));
        leaf->elements.insert(leaf->elements.end(), here.begin(), here.end());
        tree_.add(leaf, Sum{here.size()});
        elements = elements.subspan(here.size());
        if (elements.empty()) {
            return;
        }
        leaf = tree_.insert_after(leaf, std::make_unique<Leaf>(), Sum{});
    }
}

/// The leaf that holds the place or ends at it.
auto ElementSequence::find(std::uint64_t at) const -> Place {
    auto* leaf = tree_.find(at, [](Sum const& sum) { return sum.items; });
    return {leaf, at};
}

ListItem const& ElementSequence::at(std::uint64_t place) const {
    CAPSTAN_INVARIANT(place < items());
    auto const [leaf, last] = find(place + 1);
    return leaf->elements[last - 1];
}

auto ElementSequence::all() const -> Items {
    Items items;
    append_slice(items, 0, this->items());
    return items;
}

void ElementSequence::append_slice(Items& items, std::uint64_t at, std::uint64_t count) const {
    CAPSTAN_INVARIANT(at <= this->items() && count <= this->items() - at);
    auto [leaf, first] = find(at);
    for (; count > 0; leaf = leaf->after, first = 0) {
        auto const part = Piece(leaf->elements).subspan(first);
        auto const here = part.first(std::min<std::uint64_t>(count, part.size()));
        items.insert(items.end(), here.begin(), here.end());
        count -= here.size();
    }
}

auto ElementSequence::slice_of(Piece elements, std::uint64_t at, std::uint64_t count) -> Items {
    auto const slice = elements.subspan(at, count);
    return Items(slice.begin(), slice.end());
}

std::uint64_t ElementSequence::insert(std::uint64_t at, Piece elements) {
    CAPSTAN_INVARIANT(at <= items());
    auto const [leaf, first] = find(at);
    auto& held = leaf->elements;
    auto const place = held.begin() + static_cast<std::ptrdiff_t>(first);
    if (held.size() + elements.size() <= leaf_items_) {
        held.insert(place, elements.begin(), elements.end());
        tree_.add(leaf, Sum{elements.size()});
        return elements.size();
    }
    Items const behind(place, held.end());
    held.erase(place, held.end());
    tree_.add(leaf, Sum{0 - behind.size()});
    if (!behind.empty()) {
        fill_behind(tree_.insert_after(leaf, std::make_unique<Leaf>(), Sum{}), behind);
    }
    fill_behind(leaf, elements);
    return elements.size();
}

void ElementSequence::erase(std::uint64_t at, std::uint64_t count) {
    CAPSTAN_INVARIANT(at <= items() && count <= items() - at);
    while (count > 0) {
        auto const [leaf, end] = find(at + 1);
        auto& held = leaf->elements;
        auto const here = std::min<std::uint64_t>(count, held.size() - (end - 1));
        auto const first = held.begin() + static_cast<std::ptrdiff_t>(end - 1);
        held.erase(first, first + static_cast<std::ptrdiff_t>(here));
        tree_.add(leaf, Sum{0 - here});
        if (held.empty() && tree_.leaves() > 1) {
            tree_.erase(leaf);
        }
        count -= here;
    }
}

void ElementSequence::fill_hash(Sum const& sum, Leaf const& leaf) {
    if (sum.hashed) {
        return;
    }
    sum.hash = 0;
    for (auto const& [id, value] : leaf.elements) {
        auto const words = value.words();
        std::array<std::uint64_t, 3> const item{id.value, words[0], words[1]};
        auto const worth = hash64(std::as_bytes(std::span(item)));
        sum.hash = reduce(Wide{sum.hash} * kBase + worth);
    }
    sum.power = power_of_base(leaf.elements.size());
    sum.hashed = true;
}

void ElementSequence::fill_hash(Sum const& sum, Tree::Node const& node) {
    combine(sum, node, [](Sum const& part, auto const& below) { fill_hash(part, below); });
}

std::uint64_t ElementSequence::hash() const {
    return hash_of(tree_, [](Sum const& sum, auto const& below) { fill_hash(sum, below); });
}

std::uint64_t ElementSequence::memory_bytes() const {
    auto bytes = std::uint64_t{sizeof *this} + tree_.nodes() * sizeof(Tree::Node);
    for (auto const* leaf = tree_.first(); leaf != nullptr; leaf = leaf->after) {
        bytes += sizeof(Leaf) + leaf->elements.capacity() * sizeof(ListItem);
        for (auto const& item : leaf->elements) {
            bytes += item.value.heap_bytes();
        }
    }
    return bytes;
}

void ElementSequence::give_back() {
    for (auto* leaf = tree_.first(); leaf != nullptr; leaf = leaf->after) {
        leaf->elements.shrink_to_fit();
    }
}

void ElementSequence::check_invariants() const {
    tree_.check_invariants();
    for (auto const* leaf = tree_.first(); leaf != nullptr; leaf = leaf->after) {
        CAPSTAN_INVARIANT(tree_.sum(leaf).items == leaf->elements.size());
        CAPSTAN_INVARIANT(leaf->elements.size() <= leaf_items_);
        CAPSTAN_INVARIANT(!leaf->elements.empty() || tree_.leaves() == 1);
    }
}

template class Merging<ElementSequence>;

}  // namespace capstan
