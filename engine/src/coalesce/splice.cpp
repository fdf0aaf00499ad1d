#include "coalesce/splice.hpp"

#include <algorithm>
#include <utility>

#include "coalesce/code_points.hpp"

namespace capstan::coalesce {
namespace {

/// Replaces `count` code points at `at` of the content. The end, where people type, is found
/// without looking through the whole.
void edit_content(CountedSplice& splice,
                  std::uint64_t at,
                  std::uint64_t count,
                  CountedSplice const& with) {
    if (at == splice.points) {
        splice.content += with.content;
    } else {
        std::string_view const content = splice.content;
        // Both are inside of the content.
        auto const first = byte_offset(content, static_cast<std::size_t>(at));
        auto const bytes = byte_offset(content.substr(first), static_cast<std::size_t>(count));
        splice.content.replace(first, bytes, with.content);
    }
    splice.points += with.points - count;
}

}  // namespace

// What `next` removes, against the text that `first` put in, own:
//
//     left           own              right
//     ───────┬──────────────────┬─────────
//         [  :    removed       :     )            removed of own: cut
//
// New text stands before the removed text that it replaces: others may have put something into it.
bool absorb(CountedSplice& first, CountedSplice& next) {
    auto const own_end = first.at + first.points;
    auto const removed_end = next.at + next.count;
    if (next.at > own_end || removed_end < first.at) {
        return false;
    }
    auto const cut_first = std::max(first.at, next.at);
    auto const cut_end = std::min(own_end, removed_end);
    auto const cut = cut_end > cut_first ? cut_end - cut_first : 0;
    auto const left = next.at < first.at ? std::min(next.count, first.at - next.at) : 0;
    auto const right = next.count - left - cut;
    if (left == 0) {
        edit_content(first, next.at - first.at, cut, next);
        first.count += right;
        return true;
    }
    if (cut < first.points) {
        edit_content(first, 0, cut, {});
        next.count = left;
        return false;
    }
    first.at = next.at;
    first.count += left + right;
    first.content = std::move(next.content);
    first.points = next.points;
    return true;
}

}  // namespace capstan::coalesce
