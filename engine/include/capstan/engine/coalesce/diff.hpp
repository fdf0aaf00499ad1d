#pragma once
#include <capstan/schema/event.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::coalesce {

/// Steps that one diff may take. A step compares or moves by one element: 8 million of them take
/// some 30 ms.
inline constexpr std::size_t kDiffStepsMax = 8'000'000;

/// Elements of the old sequence that give way to elements of the new one.
struct DiffEdit {
    std::size_t old_at = 0;
    std::size_t removed = 0;
    std::size_t new_at = 0;
    std::size_t inserted = 0;
    friend bool operator==(DiffEdit const&, DiffEdit const&) = default;
};

/// The edits from one sequence to another, ascending, with something kept between any two.
///
/// Myers' O(ND) difference in linear space: the fewest removals and insertions, as long as that is
/// found within `steps_max`. After that, what is not compared yet is replaced as a whole, between
/// what it has in common at both ends. Time: O(length + steps_max). Never more removed or inserted
/// than by replacing everything between the common ends.
/// Source: E. W. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986, section 4b.
std::vector<DiffEdit> diff(std::span<std::uint32_t const> before,
                           std::span<std::uint32_t const> after,
                           std::size_t steps_max = kDiffStepsMax);

/// An edit of a text as `OpKind::splice` has it: at `at`, `count` code points give way to
/// `content`.
struct Splice {
    std::uint64_t at = 0;
    std::uint64_t count = 0;
    std::string content;
    friend bool operator==(Splice const&, Splice const&) = default;
};

/// The splices from one text to another, in the order in which they are applied: each place counts
/// in the text as the splices before it left it. Texts are UTF-8; places and counts are code
/// points.
///
/// Edits with less than four code points between them are joined: one more splice costs more than
/// those. Pure insertions and deletions are moved along equal text to the start of a line or word,
/// and away from the inside of a grapheme. The code points removed and inserted are never more than
/// those of the one splice between the common ends.
/// Precondition: both are UTF-8.
std::vector<Splice> diff_text(std::string_view before,
                              std::string_view after,
                              std::size_t steps_max = kDiffStepsMax);

/// An edit of a list: at `at`, `count` elements give way to `elements`.
struct ListEdit {
    std::uint64_t at = 0;
    std::uint64_t count = 0;
    std::vector<Value> elements;
    friend bool operator==(ListEdit const&, ListEdit const&) = default;
};

/// As `diff_text`, of the elements of a list, without joining: an element that stays is the same
/// one to those who edit it meanwhile.
std::vector<ListEdit> diff_list(std::vector<Value> const& before,
                                std::vector<Value> const& after,
                                std::size_t steps_max = kDiffStepsMax);

}  // namespace capstan::coalesce
