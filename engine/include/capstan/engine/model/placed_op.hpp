#pragma once
#include <capstan/schema/event.hpp>
#include <cstdint>

namespace capstan {

/// An operation and its place in its event.
struct PlacedOp {
    Op const* op;
    std::uint32_t place;
};

}  // namespace capstan
