#include <capstan/engine/text/rope.hpp>
#include <cstring>

namespace capstan {
namespace {

bool starts_point(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
}

/// The first byte of the code point that `at` is in: at most three bytes before it.
std::size_t point_start(std::string_view text, std::size_t at) {
    for (int back = 0; back < 3 && at > 0 && at < text.size() && !starts_point(text[at]); ++back) {
        --at;
    }
    return at;
}

constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;

constexpr std::uint64_t kHighBits = kOnes << 7;

/// Eight counters of one byte each.
std::uint64_t sum_lanes(std::uint64_t lanes) {
    constexpr std::uint64_t kEven = 0x00FF'00FF'00FF'00FF;
    auto const pairs = (lanes & kEven) + ((lanes >> 8) & kEven);
    return (pairs * 0x0001'0001'0001'0001) >> 48;
}

/// A one in each lane whose byte is a line feed.
constexpr std::uint64_t line_feeds(std::uint64_t word) {
    auto const other = word ^ (kOnes * '\n');
    auto const differs = ((other & ~kHighBits) + ~kHighBits) | other;
    return (~differs >> 7) & kOnes;
}
/// The same for bytes that continue a code point, and for those that start one of four bytes.
constexpr std::uint64_t continuing(std::uint64_t word) {
    return (word >> 7) & ~(word >> 6) & kOnes;
}
constexpr std::uint64_t astral(std::uint64_t word) {
    return (word >> 7) & (word >> 6) & (word >> 5) & (word >> 4) & kOnes;
}

template <class Part>
std::uint64_t load_part(char const* from) {
    Part part;
    std::memcpy(&part, from, sizeof part);
    return part;
}

/// Fewer than eight bytes as a word, zeros behind them.
std::uint64_t load_short(std::string_view text) {
    auto const bytes = text.size();
    auto const* first = text.data();
    if (bytes >= 4) {
        return load_part<std::uint32_t>(first) | load_part<std::uint32_t>(first + bytes - 4)
                                                     << (8 * (bytes - 4));
    }
    if (bytes >= 2) {
        return load_part<std::uint16_t>(first) | load_part<std::uint16_t>(first + bytes - 2)
                                                     << (8 * (bytes - 2));
    }
    return bytes == 1 ? load_part<std::uint8_t>(first) : 0;
}

template <class Visit>
void for_words(std::string_view text, Visit visit) {
    std::size_t at = 0;
    for (; at + 8 <= text.size(); at += 8) {
        visit(load_part<std::uint64_t>(text.data() + at));
    }
    visit(load_short(text.substr(at)));
}

/// A block of at most 255 words.
TextSize measure_block(std::string_view block) {
    std::uint64_t feeds = 0;
    std::uint64_t any = 0;
    for_words(block, [&](std::uint64_t word) {
        feeds += line_feeds(word);
        any |= word;
    });
    TextSize size{block.size(), block.size(), block.size(), sum_lanes(feeds)};
    if ((any & kHighBits) != 0) {
        std::uint64_t followers = 0;
        std::uint64_t pairs = 0;
        for_words(block, [&](std::uint64_t word) {
            followers += continuing(word);
            pairs += astral(word);
        });
        size.points -= sum_lanes(followers);
        size.utf16 = size.points + sum_lanes(pairs);
    }
    return size;
}

/// Where code point `points` of the text starts.
std::size_t byte_of_point(std::string_view text, std::uint64_t points) {
    std::size_t at = 0;
    for (; at < text.size(); ++at) {
        if (starts_point(text[at]) && points-- == 0) {
            break;
        }
    }
    return at;
}

/// A string grows by doubling; a leaf's last step is to its full size.
void insert_within(std::string& text,
                   std::size_t at,
                   std::string_view more,
                   std::size_t bytes_max) {
    auto const bytes = text.size() + more.size();
    if (bytes > text.capacity() && bytes > bytes_max / 2) {
        text.reserve(bytes_max);
    }
    text.insert(at, more);
}

}  // namespace

TextSize measure(std::string_view utf8) {
    constexpr std::size_t kBlockBytes = 254 * 8;
    auto size = measure_block(utf8.substr(0, kBlockBytes));
    for (auto at = kBlockBytes; at < utf8.size(); at += kBlockBytes) {
        size += measure_block(utf8.substr(at, kBlockBytes));
    }
    return size;
}

Rope::Rope(EditTuning const& tuning) : Rope({}, tuning) {}

Rope::Rope(std::string_view utf8, EditTuning const& tuning)
    : tuning_(&tuning), tree_(build(utf8, tuning)) {}

Rope::Rope(Rope&& other) noexcept : tuning_(other.tuning_), tree_(std::move(other.tree_)) {
    other.drop_cursor();
}
Rope& Rope::operator=(Rope&& other) noexcept {
    tuning_ = other.tuning_;
    tree_ = std::move(other.tree_);
    drop_cursor();
    other.drop_cursor();
    return *this;
}
Rope::~Rope() = default;

/// Leaves are filled to fifteen sixteenths, so that the first changes find room.
auto Rope::build(std::string_view utf8, EditTuning const& tuning) -> Tree {
    auto const piece_bytes = std::max<std::size_t>(tuning.leaf_bytes * 15 / 16, 4);
    auto next_leaf = [&] {
        auto leaf = std::make_unique<Leaf>();
        auto const bytes = point_start(utf8, std::min(piece_bytes, utf8.size()));
        leaf->text.assign(utf8.substr(0, bytes));
        utf8.remove_prefix(bytes);
        return leaf;
    };
    auto first = next_leaf();
    auto const size = measure(first->text);
    Tree tree(std::move(first), Sum{size});
    while (!utf8.empty()) {
        auto leaf = next_leaf();
        Sum const sum{measure(leaf->text)};
        tree.insert_after(tree.last(), std::move(leaf), sum);
    }
    return tree;
}

std::string Rope::str() const {
    std::string text;
    text.reserve(size().bytes);
    for (auto const* leaf = tree_.first(); leaf != nullptr; leaf = leaf->after) {
        text += leaf->text;
    }
    return text;
}

std::string Rope::slice(std::uint64_t point, std::uint64_t points) const {
    CAPSTAN_INVARIANT(point <= size().points && points <= size().points - point);
    std::string text;
    seek(point);
    auto at = point - start_;
    for (auto const* leaf = leaf_; points > 0; leaf = leaf->after, at = 0) {
        auto const here = std::min(points, tree_.sum(leaf).size.points - at);
        auto const first = byte_of(leaf, at);
        text.append(leaf->text, first, byte_of(leaf, at + here) - first);
        points -= here;
    }
    return text;
}

/// Moves the cursor to a leaf that holds the place: `start_ <= point <= start_ + its points`.
void Rope::seek(std::uint64_t point) const {
    if (leaf_ != nullptr && point >= start_ && point - start_ <= tree_.sum(leaf_).size.points) {
        return;
    }
    auto rest = point;
    leaf_ = tree_.find(rest, [](Sum const& sum) { return sum.size.points; });
    start_ = point - rest;
}

/// Where a code point of a leaf starts; the usual text is one byte a point.
std::size_t Rope::byte_of(Leaf const* leaf, std::uint64_t point) const {
    return tree_.sum(leaf).size.points == leaf->text.size() ? point
                                                            : byte_of_point(leaf->text, point);
}

void Rope::insert(std::uint64_t point, std::string_view utf8, TextSize const& added) {
    CAPSTAN_INVARIANT(point <= size().points);
    if (utf8.empty()) {
        return;
    }
    seek(point);
    if (leaf_->text.size() + utf8.size() > tuning_->leaf_bytes) {
        if (utf8.size() > tuning_->leaf_bytes / 8) {
            insert_leaves(point, utf8);
            return;
        }
        make_room(point, utf8.size());
    }
    insert_within(leaf_->text, byte_of(leaf_, point - start_), utf8, tuning_->leaf_bytes);
    tree_.add(leaf_, Sum{added});
}

/// Leaves the cursor at a leaf that holds the place and takes that many bytes more: gives some to
/// a neighbour that has room, else splits.
void Rope::make_room(std::uint64_t point, std::size_t bytes) {
    if (share(leaf_, leaf_->after, bytes) || share(leaf_, leaf_->before, bytes)) {
        drop_cursor();
        seek(point);
    }
    while (leaf_->text.size() + bytes > tuning_->leaf_bytes) {
        auto const at = byte_of(leaf_, point - start_);
        auto const text = std::string_view(leaf_->text);
        auto const cut = at == text.size() ? at : point_start(text, text.size() / 2);
        auto const left_points = measure(text.substr(0, cut)).points;
        split_leaf(leaf_, cut);
        if (point - start_ >= left_points) {
            start_ += left_points;
            leaf_ = leaf_->after;
        }
    }
}

/// Evens out two neighbours, unless both are nearly full.
bool Rope::share(Leaf* leaf, Leaf* neighbour, std::size_t bytes) {
    if (neighbour == nullptr) {
        return false;
    }
    auto const have = leaf->text.size();
    auto const there = neighbour->text.size();
    if (have + there + bytes > tuning_->leaf_bytes * 7 / 4 || have <= there) {
        return false;
    }
    auto const moved = (have - there) / 2;
    auto& from = leaf->text;
    std::string_view const all = from;
    auto const forward = neighbour == leaf->after;
    auto const first = forward ? point_start(all, have - moved) : 0;
    auto const bytes_moved = forward ? have - first : point_start(all, moved);
    auto const piece = all.substr(first, bytes_moved);
    auto const size = measure(piece);
    insert_within(neighbour->text, forward ? 0 : there, piece, tuning_->leaf_bytes);
    from.erase(first, bytes_moved);
    tree_.add(leaf, Sum{-size});
    tree_.add(neighbour, Sum{size});
    return bytes_moved > 0;
}

void Rope::split_leaf(Leaf* leaf, std::size_t at) {
    auto right = std::make_unique<Leaf>();
    right->text.assign(leaf->text, at);
    auto const size = measure(right->text);
    leaf->text.erase(at);
    tree_.add(leaf, Sum{-size});
    tree_.insert_after(leaf, std::move(right), Sum{size});
}

/// Puts text that fills leaves of its own between the halves of the cursor's leaf.
void Rope::insert_leaves(std::uint64_t point, std::string_view utf8) {
    auto const piece_bytes = std::max<std::size_t>(tuning_->leaf_bytes * 15 / 16, 4);
    auto* const first = leaf_;
    split_leaf(first, byte_of(first, point - start_));
    auto* const right = first->after;
    auto* left = first;
    drop_cursor();
    while (!utf8.empty()) {
        auto const bytes = point_start(utf8, std::min(piece_bytes, utf8.size()));
        auto leaf = std::make_unique<Leaf>();
        leaf->text.assign(utf8.substr(0, bytes));
        Sum const sum{measure(leaf->text)};
        left = tree_.insert_after(left, std::move(leaf), sum);
        utf8.remove_prefix(bytes);
    }
    join_small(right);
    join_small(left);
    join_small(first);
}

void Rope::erase(std::uint64_t point, std::uint64_t points) {
    CAPSTAN_INVARIANT(point <= size().points && points <= size().points - point);
    while (points > 0) {
        seek(point);
        if (point - start_ == tree_.sum(leaf_).size.points) {
            start_ = point;
            leaf_ = leaf_->after;
        }
        points -= erase_in_leaf(point - start_, points);
    }
}

/// Erases from the cursor's leaf alone and tells how many code points went.
std::uint64_t Rope::erase_in_leaf(std::uint64_t point, std::uint64_t points) {
    auto* const leaf = leaf_;
    auto const here = std::min(points, tree_.sum(leaf).size.points - point);
    auto const first = byte_of(leaf, point);
    auto const bytes = byte_of(leaf, point + here) - first;
    auto const size = measure(std::string_view(leaf->text).substr(first, bytes));
    leaf->text.erase(first, bytes);
    tree_.add(leaf, Sum{-size});
    if (leaf->text.size() < tuning_->leaf_bytes / 4) {
        join_small(leaf);
    }
    return here;
}

/// Drops an empty leaf, and joins a small one with a neighbour if one of them has room for both.
void Rope::join_small(Leaf* leaf) {
    auto const joined_max = tuning_->leaf_bytes * 3 / 4;
    if (tree_.leaves() == 1) {
        return;
    }
    auto const fits = [&](Leaf const* other) {
        return other != nullptr && leaf->text.size() + other->text.size() <= joined_max;
    };
    auto* const other = fits(leaf->before) ? leaf->before : leaf->after;
    if (!leaf->text.empty() && !fits(other)) {
        return;
    }
    drop_cursor();
    if (!leaf->text.empty()) {
        auto const at = other == leaf->before ? other->text.size() : 0;
        insert_within(other->text, at, leaf->text, tuning_->leaf_bytes);
        auto const sum = tree_.sum(leaf);
        tree_.add(other, sum);
    }
    tree_.erase(leaf);
}

TextSize Rope::before(std::uint64_t point) const {
    CAPSTAN_INVARIANT(point <= size().points);
    seek(point);
    std::string_view const text = leaf_->text;
    return tree_.before(leaf_).size + measure(text.substr(0, byte_of(leaf_, point - start_)));
}

template <class Measure>
std::uint64_t Rope::point_of(std::uint64_t amount, Measure measure_of) const {
    auto rest = amount;
    auto const* leaf = tree_.find(rest, [&](Sum const& sum) { return measure_of(sum.size); });
    std::string_view const text = leaf->text;
    auto point = tree_.before(leaf).size.points;
    for (std::size_t at = 0; at < text.size() && rest > 0; ++point) {
        auto const start = at++;
        while (at < text.size() && !starts_point(text[at])) {
            ++at;
        }
        auto const passed = measure_of(measure(text.substr(start, at - start)));
        if (passed > rest) {
            break;
        }
        rest -= passed;
    }
    return point;
}

std::uint64_t Rope::point_of_byte(std::uint64_t byte) const {
    return point_of(byte, [](TextSize const& size) { return size.bytes; });
}
std::uint64_t Rope::point_of_utf16(std::uint64_t unit) const {
    return point_of(unit, [](TextSize const& size) { return size.utf16; });
}
std::uint64_t Rope::point_of_line(std::uint64_t line) const {
    return point_of(line, [](TextSize const& size) { return size.lines; });
}

std::uint64_t Rope::memory_bytes() const {
    constexpr std::size_t kInlineBytes = 15;  // std::string keeps so many in itself
    auto bytes = std::uint64_t{sizeof *this};
    for (auto const* leaf = tree_.first(); leaf != nullptr; leaf = leaf->after) {
        auto const heap = leaf->text.capacity() > kInlineBytes ? leaf->text.capacity() + 1 : 0;
        bytes += sizeof(Leaf) + heap;
    }
    return bytes + tree_.nodes() * sizeof(Tree::Node);
}

void Rope::check_invariants() const {
    tree_.check_invariants();
    for (auto const* leaf = tree_.first(); leaf != nullptr; leaf = leaf->after) {
        CAPSTAN_INVARIANT(tree_.sum(leaf).size == measure(leaf->text));
        CAPSTAN_INVARIANT(leaf->text.size() <= std::max<std::size_t>(tuning_->leaf_bytes, 8));
        CAPSTAN_INVARIANT(!leaf->text.empty() || tree_.leaves() == 1);
    }
}

}  // namespace capstan
