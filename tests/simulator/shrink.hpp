// The smallest plan that fails in the same way.
#pragma once
#include <cstdint>
#include <functional>

#include "plan.hpp"
#include "world.hpp"

namespace capstan::simulator {

struct Shrunk {
    Plan plan;
    Outcome outcome;
    std::uint64_t tries = 0;
};

/// Leaves out kinds of faults, then devices, then steps, then knobs, then time, as long as the same
/// invariant fails, until nothing can go or `may_go_on` says no.
Shrunk shrink(Plan plan, Outcome outcome, std::function<bool()> const& may_go_on);

}  // namespace capstan::simulator
