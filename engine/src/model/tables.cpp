#include <capstan/engine/model/tables.hpp>
#include <capstan/schema/hash.hpp>

namespace capstan {

void HashIndex::put(Place place) {
    std::size_t at = home(place.tag);
    while (places_[at].number != kNone) {
        at = next(at);
    }
    places_[at] = place;
}

void HashIndex::grow() {
    std::vector<Place> const before = std::move(places_);
    places_ = std::vector<Place>(before.empty() ? 16 : 2 * before.size());
    for (Place const& place : before) {
        if (place.number != kNone) {
            put(place);
        }
    }
}

void HashIndex::insert(std::uint64_t hash, std::uint32_t number) {
    if (4 * (size_ + 1) > 3 * places_.size()) {
        grow();
    }
    put({number, tag(hash)});
    ++size_;
}

void HashIndex::erase(std::uint64_t hash, std::uint32_t number) {
    std::size_t hole = home(hash);
    while (places_[hole].number != number) {
        hole = next(hole);
    }
    // What stands behind the hole moves up, unless that would put it before its home.
    for (std::size_t at = next(hole); places_[at].number != kNone; at = next(at)) {
        auto const from_home = (at - home(places_[at].tag)) & (places_.size() - 1);
        auto const from_hole = (at - hole) & (places_.size() - 1);
        if (from_home >= from_hole) {
            places_[hole] = places_[at];
            hole = at;
        }
    }
    places_[hole] = {};
    --size_;
}

std::optional<NameNumber> Names::find(std::string_view name) const {
    auto const at = index_.find(hash64(as_bytes(name)),
                                [&](std::uint32_t number) { return names_[number].text == name; });
    return at == HashIndex::kNone ? std::nullopt : std::optional(at);
}

NameNumber Names::number(std::string_view name) {
    auto const hash = hash64(as_bytes(name));
    auto const at =
        index_.find(hash, [&](std::uint32_t number) { return names_[number].text == name; });
    if (at != HashIndex::kNone) {
        return at;
    }
    auto const added = static_cast<NameNumber>(names_.size());
    names_.push_back({std::string(name), hash});
    index_.insert(hash, added);
    return added;
}

std::size_t Names::bytes() const {
    return names_.capacity() * sizeof(Name) + index_.bytes();
}

DeviceNumber Devices::find(DeviceId const& device) const {
    auto const at = index_.find(
        hash64(device.bytes), [&](std::uint32_t number) { return devices_[number].id == device; });
    return at == HashIndex::kNone ? kNoDevice : at;
}

DeviceNumber Devices::number(DeviceId const& device) {
    if (auto const known = find(device); known != kNoDevice) {
        return known;
    }
    auto const added = static_cast<DeviceNumber>(devices_.size());
    auto const hash = hash64(device.bytes);
    devices_.push_back({device, hash});
    index_.insert(hash, added);
    return added;
}

void Devices::drop_from(DeviceNumber first) {
    for (; devices_.size() > first; devices_.pop_back()) {
        index_.erase(devices_.back().hash, static_cast<DeviceNumber>(devices_.size() - 1));
    }
}

std::size_t Devices::bytes() const {
    return devices_.capacity() * sizeof(Device) + index_.bytes();
}

}  // namespace capstan
