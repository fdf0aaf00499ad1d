#pragma once
#include <capstan/engine/text/edit.hpp>
#include <capstan/engine/text/sum_tree.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace capstan {

/// How long a piece of text is, by every measure at once.
struct TextSize {
    std::uint64_t bytes = 0;
    std::uint64_t points = 0;  // Unicode code points
    std::uint64_t utf16 = 0;   // UTF-16 units
    std::uint64_t lines = 0;   // line feeds

    constexpr TextSize& operator+=(TextSize const& other) {
        bytes += other.bytes;
        points += other.points;
        utf16 += other.utf16;
        lines += other.lines;
        return *this;
    }
    constexpr TextSize operator-() const { return {0 - bytes, 0 - points, 0 - utf16, 0 - lines}; }
    friend constexpr TextSize operator+(TextSize a, TextSize const& b) { return a += b; }
    friend constexpr TextSize operator-(TextSize a, TextSize const& b) { return a += -b; }
    friend bool operator==(TextSize const&, TextSize const&) = default;
};
TextSize measure(std::string_view utf8);

/// UTF-8 text that is read and changed anywhere in O(log n). Places are counted in code points;
/// conversions to and from bytes, UTF-16 units and lines are O(log n) too. At rest it takes little
/// more than its bytes. Takes well-formed UTF-8 (decoders see to that); other bytes give wrong
/// counts, and no more than that.
/// Ranges past the end are the caller's mistake (an invariant).
/// Threading: none; const functions too move a cursor or fill the hash.
class Rope {
  public:
    explicit Rope(EditTuning const& tuning = kEditTuning);
    /// The cost is that of a copy.
    explicit Rope(std::string_view utf8, EditTuning const& tuning = kEditTuning);
    Rope(Rope&&) noexcept;
    Rope& operator=(Rope&&) noexcept;
    ~Rope();

    TextSize const& size() const { return tree_.total().size; }
    std::string str() const;
    /// The text of [point, point + points).
    std::string slice(std::uint64_t point, std::uint64_t points) const;

    void insert(std::uint64_t point, std::string_view utf8) { insert(point, utf8, measure(utf8)); }
    /// `size` is what `measure(utf8)` gives.
    void insert(std::uint64_t point, std::string_view utf8, TextSize const& size);
    void erase(std::uint64_t point, std::uint64_t points);

    /// What lies before a place, in every measure: `before(p).utf16` is the place in UTF-16 units,
    /// `before(p).lines` the line it is on, from 0.
    TextSize before(std::uint64_t point) const;
    /// The code point at or around that byte, or that UTF-16 unit. The end for what lies past it.
    std::uint64_t point_of_byte(std::uint64_t byte) const;
    std::uint64_t point_of_utf16(std::uint64_t unit) const;
    /// Where a line starts, from line 0. The end for a line that does not exist.
    std::uint64_t point_of_line(std::uint64_t line) const;

    /// Polynomial over the bytes modulo 2^61 - 1: a function of the text alone, however it came
    /// about. Costs O(log n) for each change since it was last asked for.
    std::uint64_t hash() const;

    /// Bytes allocated, for measurement.
    std::uint64_t memory_bytes() const;
    void check_invariants() const;

  private:
    struct Leaf;
    /// Its hash is filled in when asked for; `add` forgets it.
    struct Sum {
        TextSize size;
        mutable std::uint64_t hash = 0;
        mutable std::uint64_t power = 1;  // of the base, to the number of bytes
        mutable bool hashed = false;
        void add(Sum const& other) {
            size += other.size;
            hashed = false;
        }
        friend bool operator==(Sum const& a, Sum const& b) { return a.size == b.size; }
    };
    using Tree = SumTree<Leaf, Sum>;
    struct Leaf : SumHook<Leaf, Sum> {
        std::string text;
    };

    static Tree build(std::string_view utf8, EditTuning const& tuning);
    void seek(std::uint64_t point) const;
    void drop_cursor() const { leaf_ = nullptr; }
    std::size_t byte_of(Leaf const* leaf, std::uint64_t point) const;
    void make_room(std::uint64_t point, std::size_t bytes);
    bool share(Leaf* leaf, Leaf* neighbour, std::size_t bytes);
    void split_leaf(Leaf* leaf, std::size_t at);
    void insert_leaves(std::uint64_t point, std::string_view utf8);
    std::uint64_t erase_in_leaf(std::uint64_t point, std::uint64_t points);
    void join_small(Leaf* leaf);
    template <class Measure>
    std::uint64_t point_of(std::uint64_t amount, Measure measure_of) const;
    static void fill_hash(Sum const& sum, Leaf const& leaf);
    static void fill_hash(Sum const& sum, Tree::Node const& node);

    EditTuning const* tuning_;
    Tree tree_;
    mutable Leaf* leaf_ = nullptr;     // the cursor: a leaf, or none
    mutable std::uint64_t start_ = 0;  // its first code point
};

}  // namespace capstan
