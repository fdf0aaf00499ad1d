#pragma once
#include <capstan/schema/event_generated.h>

#include <cstddef>

namespace capstan {

/// What a FlatBuffer says, over what it holds: parts that many others point to are counted each
/// time they are met, for each time is work.
inline constexpr std::size_t kSharingMax = 4;

/// Operations may point to one text together, each of them to be read and copied. That is no more
/// than a few times what the event holds.
inline bool is_within_budget(fb::Event const& event, std::size_t event_bytes) {
    auto const size = [](flatbuffers::Vector<std::uint8_t> const* bytes) {
        return bytes == nullptr ? std::size_t{0} : std::size_t{bytes->size()};
    };
    std::size_t said = 0;
    for (auto const* op : *event.ops()) {
        said += sizeof(flatbuffers::uoffset_t) + size(op->object()) + size(op->field()) +
                size(op->type()) + size(op->key()) + size(op->content());
    }
    return said <= kSharingMax * event_bytes;
}

}  // namespace capstan
