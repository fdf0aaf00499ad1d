#pragma once
#include <capstan/engine/text/rope.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

/// One step through a text: so many code points stay, then some go, and others come.
struct FoldedSplice {
    std::uint64_t retained = 0;
    std::uint64_t removed = 0;
    std::string inserted;
    friend bool operator==(FoldedSplice const&, FoldedSplice const&) = default;
};

/// Many splices of one text as one pass over what it was before them:
///
///     "one two"   at 4, remove 3, insert "three"; at 3, insert ","; at 5, remove 5
///     becomes     retain 3, insert ","; retain 1, remove 3
///
/// What came and went in between is not in it, so it is as long as what is different, not as what
/// was done. Costs O(pieces) a splice.
class FoldedText {
  public:
    FoldedText();

    /// The next splice, at its place after those before it.
    void add(std::uint64_t at, std::uint64_t removed, std::string_view inserted);
    /// Empty if nothing is left of them. What follows the last one stays.
    std::vector<FoldedSplice> splices() const;

  private:
    /// A part of what was there, or what came.
    struct Piece {
        std::uint64_t from = 0;
        std::uint64_t length = 0;  // code points
        std::string text;          // empty: it was there
    };
    std::size_t split(std::uint64_t at);

    std::vector<Piece> pieces_;  // the last one has no end
};

/// False if they do not fit the text; it is then in no defined state.
bool apply_splices(Rope& text, std::span<FoldedSplice const> splices);

}  // namespace capstan
