#include <algorithm>
#include <capstan/engine/model/key_ranges.hpp>

namespace capstan {

KeyRanges::KeyRanges(Model const& model) {
    model.state_hash();  // brings the hashes of the objects up to date
    objects_.reserve(model.size());
    for (auto const& [type, order] : model.by_insert()) {
        for (auto const& chunk : order.chunks()) {
            for (auto const& entry : chunk) {
                objects_.push_back(&model.objects().at(entry.slot));
            }
        }
    }
    std::ranges::sort(
        objects_, {}, [](Object const* object) -> auto const& { return object->id; });
    sums_.push_back(0);
    for (Object const* object : objects_) {
        sums_.push_back(sums_.back() + object->hash);
    }
}

std::size_t KeyRanges::place(std::string_view id) const {
    auto const at = std::ranges::partition_point(
        objects_, [&](Object const* object) { return object->id < id; });
    return static_cast<std::size_t>(at - objects_.begin());
}

std::size_t KeyRanges::place_end(std::string_view end) const {
    return end.empty() ? objects_.size() : place(end);
}

KeyRanges::Range KeyRanges::range(std::string_view first, std::string_view end) const {
    auto const from = place(first);
    auto const to = std::max(from, place_end(end));
    return {std::string(first), std::string(end), to - from, sums_[to] - sums_[from]};
}

std::vector<KeyRanges::Range> KeyRanges::split(std::string_view first,
                                               std::string_view end,
                                               std::size_t parts) const {
    auto const from = place(first);
    auto const count = std::max(from, place_end(end)) - from;
    std::vector<Range> out;
    std::string at(first);
    for (std::size_t part = 1; part < parts; ++part) {
        auto const cut = from + count * part / parts;
        if (cut > from && cut < from + count && at < objects_[cut]->id) {
            out.push_back(range(at, objects_[cut]->id));
            at = objects_[cut]->id;
        }
    }
    out.push_back(range(at, end));
    return out;
}

}  // namespace capstan
