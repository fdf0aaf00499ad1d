#include <algorithm>
#include <capstan/engine/model/insert_order.hpp>
#include <tuple>

namespace capstan {

bool InsertOrder::before(Entry const& x, Entry const& y, ObjectTable const& objects) {
    auto const stamp = [](Entry const& one) { return std::tuple(one.a, one.run_first, one.seq); };
    if (stamp(x) != stamp(y)) {
        return stamp(x) < stamp(y);
    }
    return x.slot != y.slot && objects.at(x.slot).id < objects.at(y.slot).id;
}

/// The first chunk that does not end before the entry, or the last one.
std::size_t InsertOrder::chunk_of(Entry const& entry, ObjectTable const& objects) const {
    auto const at = std::ranges::partition_point(
        chunks_, [&](auto const& chunk) { return before(chunk.back(), entry, objects); });
    return std::min(static_cast<std::size_t>(at - chunks_.begin()), chunks_.size() - 1);
}

void InsertOrder::insert(Entry const& entry, ObjectTable const& objects) {
    ++size_;
    if (chunks_.empty()) {
        chunks_.push_back({entry});
        return;
    }
    auto const which = chunk_of(entry, objects);
    auto& chunk = chunks_[which];
    auto const at = std::ranges::partition_point(
        chunk, [&](Entry const& one) { return before(one, entry, objects); });
    bool const at_end = which + 1 == chunks_.size() && at == chunk.end();
    chunk.insert(at, entry);
    if (chunk.size() > kChunkMax) {
        // What only grows at its end leaves full chunks behind.
        auto const keep = at_end ? kChunkMax : kChunkMax / 2;
        std::vector<Entry> rest(chunk.begin() + static_cast<std::ptrdiff_t>(keep), chunk.end());
        chunk.resize(keep);
        chunks_.insert(chunks_.begin() + static_cast<std::ptrdiff_t>(which) + 1, std::move(rest));
    }
}

void InsertOrder::erase(Entry const& entry, ObjectTable const& objects) {
    auto const which = chunk_of(entry, objects);
    auto& chunk = chunks_[which];
    auto const at = std::ranges::partition_point(
        chunk, [&](Entry const& one) { return before(one, entry, objects); });
    CAPSTAN_INVARIANT(at != chunk.end() && at->slot == entry.slot);
    chunk.erase(at);
    --size_;
    if (chunk.empty()) {
        chunks_.erase(chunks_.begin() + static_cast<std::ptrdiff_t>(which));
    }
}

std::size_t InsertOrder::bytes() const {
    std::size_t bytes = chunks_.capacity() * sizeof(chunks_[0]);
    for (auto const& chunk : chunks_) {
        bytes += chunk.capacity() * sizeof(Entry);
    }
    return bytes;
}

}  // namespace capstan
