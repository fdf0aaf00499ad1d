#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/engine/runtime/executor.hpp>
#include <capstan/schema/ids.hpp>

namespace capstan {

/// A burst over a million streams leaves free pieces all over the heap, which the allocator keeps.
/// Returning them holds up whoever allocates meanwhile, 100 MB for some 20 ms: so once, at rest.
class HeapTrim {
  public:
    /// About once a second, with how much has been published.
    void look(Position appended, Instant now, Executor& background);

  private:
    Position last_seen_;  // what had been published when
    Instant last_moved_;
    bool is_lean_ = false;  // memory was given back since
};

}  // namespace capstan
