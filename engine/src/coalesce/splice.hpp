// Two edits of one place of a text as one.
#pragma once
#include <cstdint>
#include <string>

namespace capstan::coalesce {

/// A splice with the code points of its content counted.
struct CountedSplice {
    std::uint64_t at = 0;
    std::uint64_t count = 0;
    std::string content;
    std::uint64_t points = 0;

    bool is_nothing() const { return count == 0 && content.empty(); }
};

/// Takes `next`, which counts in the text as `first` left it, into `first`. False: they do not
/// touch, or one splice could not say where the new text stands among what is removed; then `next`
/// is what is left to be done after `first`.
bool absorb(CountedSplice& first, CountedSplice& next);

}  // namespace capstan::coalesce
