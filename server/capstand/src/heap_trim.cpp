#include "heap_trim.hpp"

#include <malloc.h>

namespace capstan {
namespace {

/// So long after the last publish the rows that it loaded are in a checkpoint and forgotten.
constexpr Duration kRestAfter = std::chrono::seconds(12);

}  // namespace

void HeapTrim::look(Position appended, Instant now, Executor& background) {
    if (appended != last_seen_) {
        last_seen_ = appended;
        last_moved_ = now;
        is_lean_ = false;
    } else if (!is_lean_ && now - last_moved_ > kRestAfter) {
        is_lean_ = true;
        background.post([] { malloc_trim(0); });
    }
}

}  // namespace capstan
