#include <capstan/engine/text/folded_text.hpp>
#include <capstan/schema/limits.hpp>
#include <iterator>
#include <utility>

namespace capstan {
namespace {

constexpr std::uint64_t kWithoutEnd = std::uint64_t{1} << 62;

}  // namespace

FoldedText::FoldedText() : pieces_{Piece{0, kWithoutEnd, {}}} {}

/// The piece that begins at the place.
std::size_t FoldedText::split(std::uint64_t at) {
    std::size_t i = 0;
    for (; at >= pieces_[i].length; ++i) {
        at -= pieces_[i].length;
    }
    if (at == 0) {
        return i;
    }
    Piece& left = pieces_[i];
    Piece right{left.from + at, left.length - at, {}};
    if (!left.text.empty()) {
        right.text = Rope::slice_of(left.text, at, right.length);
        left.text.resize(left.text.size() - right.text.size());
    }
    left.length = at;
    pieces_.insert(pieces_.begin() + static_cast<std::ptrdiff_t>(i + 1), std::move(right));
    return i + 1;
}

void FoldedText::add(std::uint64_t at, std::uint64_t removed, std::string_view inserted) {
    auto const first = split(at);
    auto const end = split(at + removed);
    auto const place = pieces_.erase(pieces_.begin() + static_cast<std::ptrdiff_t>(first),
                                     pieces_.begin() + static_cast<std::ptrdiff_t>(end));
    if (!inserted.empty()) {
        pieces_.insert(place, Piece{0, Rope::count(inserted), std::string(inserted)});
    }
}

std::vector<FoldedSplice> FoldedText::splices() const {
    std::vector<FoldedSplice> out;
    FoldedSplice next;
    std::uint64_t at = 0;  // in what was there
    for (Piece const& piece : pieces_) {
        if (!piece.text.empty()) {
            next.inserted += piece.text;
            continue;
        }
        next.removed = piece.from - at;
        if (next.removed > 0 || !next.inserted.empty()) {
            out.push_back(std::exchange(next, {}));
        }
        next.retained += piece.length;
        at = piece.from + piece.length;
    }
    return out;
}

bool apply_splices(Rope& text, std::span<FoldedSplice const> splices) {
    std::uint64_t at = 0;
    for (auto const& [retained, removed, inserted] : splices) {
        if (retained > text.items() - at || removed > text.items() - at - retained) {
            return false;
        }
        at += retained;
        text.erase(at, removed);
        at += text.insert(at, inserted);
    }
    return true;
}

}  // namespace capstan
