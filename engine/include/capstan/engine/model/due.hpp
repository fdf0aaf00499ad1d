#pragma once
#include <capstan/engine/model/policy.hpp>
#include <cstdint>
#include <deque>
#include <string>

namespace capstan {

/// Something that is kept only above the mark: where it is and when it goes.
struct Due {
    std::uint64_t seq = 0;
    std::uint32_t slot = 0;  // of the object
    std::uint32_t name = 0;  // of the field; `Policies::kAny`: the object's tombstone
    FieldKind kind = FieldKind::reg;
    std::string key;  // of the element or map entry
};
/// By seq. What it names may be gone, or be another object's by now: collecting only ever drops
/// what lies at or below the mark, so that does no harm.
using DueQueue = std::deque<Due>;

}  // namespace capstan
