#pragma once
#include <capstan/engine/text/sum_tree.hpp>
#include <capstan/engine/text/window.hpp>

namespace capstan {

inline constexpr std::uint64_t kAlive = ~std::uint64_t{0};
inline constexpr std::uint32_t kNobody = kDeviceIndexMax + 1;
inline constexpr std::uint32_t kDeviceMask = kNobody;  // as many bits
/// What the left and right origin of a span may be beside ids in the list.
inline constexpr std::uint32_t kStartId = 0;
inline constexpr std::uint32_t kEndId = ~std::uint32_t{0};
inline constexpr std::uint32_t kOutsideId = kEndId - 1;  // equal to nothing that is looked up
inline constexpr std::uint32_t kSpanItemsMax = std::uint32_t{1} << 30;

/// Items in a row that were inserted together, or in a row by one device (`stepped`: item i at
/// `inserted + i`), and that were deleted together or are alive.
struct Span {
    std::uint64_t inserted = 0;      // 0: known to all
    std::uint64_t deleted = kAlive;  // 0: dead to all
    std::uint32_t items = 0;
    std::uint32_t start_id = 0;        // what origins refer to: a split gives the right half the
    std::uint32_t end_id = 0;          // old end, the left half the old start
    std::uint32_t left = kOutsideId;   // the item before it at insertion: the end of a span
    std::uint32_t right = kOutsideId;  // the first item behind it that its author knew: a start
    std::uint32_t device : 31 = kNobody;
    std::uint32_t stepped : 1 = 0;
    std::uint32_t deleted_by = kNobody;
    std::uint32_t deleters = 0;  // who else deleted it: index + 1, 0 for nobody
    std::uint32_t kept_at = 0;   // deleted by a pending edit: place in the owner's store

    bool is_alive() const { return deleted == kAlive; }
    std::uint64_t inserted_last() const { return stepped ? inserted + items - 1 : inserted; }
    std::uint64_t touch() const {
        return is_alive() ? inserted_last() : std::max(inserted_last(), deleted);
    }
};

/// What tells how much of a part of the list an author sees.
enum class Sums : std::uint8_t {
    none,      // those of the head, if nothing in it is above p; else it is counted
    prepared,  // those of one view, counted once and kept: for many edits, or from far back
    head,      // those of the head: the author sees all that is visible there, and nothing else
};

/// Through whose eyes the list is read.
struct AuthorView {
    std::uint64_t p = 0;
    std::uint32_t device = kNobody;
    Sums sums = Sums::none;
    friend bool operator==(AuthorView const&, AuthorView const&) = default;
};

struct SpanSum {
    std::uint64_t tip = 0;    // items visible at the head
    std::uint64_t view = 0;   // items visible in the prepared view
    std::uint64_t touch = 0;  // greatest stamp in it, or more
    void add(SpanSum const& other) {
        tip += other.tip;
        view += other.view;
        touch = std::max(touch, other.touch);
    }
    friend bool operator==(SpanSum const&, SpanSum const&) = default;
};

inline constexpr std::size_t kChunkSpansMax = 24;

struct SpanChunk : SumHook<SpanChunk, SpanSum> {
    std::size_t count = 0;
    std::array<Span, kChunkSpansMax> spans;
};

/// The window list: every item that some later event may see otherwise than the head does, in
/// order, dead ones included; what all agree on is joined into long spans.
/// Invariants: 1. sums are those of the spans (`touch` may be more). 2. no span is empty.
/// 3. ids are unique. 4. a pending span is never `stepped`.
class SpanList {
  public:
    /// Starts as `items` that everybody knows.
    SpanList(std::uint64_t items, EditTuning const& tuning);

    std::uint64_t view_items(AuthorView const& view);
    std::uint64_t tip_items() const { return tree_.total().tip; }
    std::size_t spans() const { return spans_; }
    /// How many spans were counted one by one to read views, since the list was made.
    std::uint64_t spans_counted() const { return spans_counted_; }
    std::uint64_t memory_bytes() const {
        return sizeof *this + tree_.leaves() * sizeof(SpanChunk) +
               tree_.nodes() * sizeof(Tree::Node) + scan_of_id_.capacity() * sizeof(std::uint32_t);
    }

    struct Insertion {
        std::uint64_t stamp;
        std::uint64_t at;  // in the view
        std::uint32_t items;
        bool stepped = false;
    };
    /// Puts items in after the at-th visible one; their place at the head is the answer.
    std::uint64_t insert(AuthorView const& view, Insertion const& insertion);
    struct Removal {
        std::uint64_t stamp;
        std::uint64_t at;  // in the view
        std::uint64_t items;
    };
    /// `kept_at` is the place in the owner's store of what goes first, if the stamp is pending.
    void erase(AuthorView const& view,
               Removal const& removal,
               std::uint64_t kept_at,
               std::vector<Splice>& effects);

    enum class Form : std::uint8_t {
        working,
        only,  // the one that all lists of the same events have at that mark; nothing is pending
    };
    void collect(std::uint64_t mark, Form form = Form::working);
    void acknowledge(std::uint64_t pending, std::uint64_t seq);
    void read_pending(std::vector<PendingPiece>& pieces) const;
    void withdraw(std::span<Stamp const> stamps,
                  std::vector<Splice>& effects,
                  std::vector<std::uint64_t>& restored_from);

    SpanList clone() const;
    /// The section of a list that was collected at `mark` in its only form and not changed since.
    Bytes save(std::uint64_t mark, std::uint64_t touched) const;
    struct Loaded;
    static Result<Loaded> load(ByteView bytes, EditTuning const& tuning);

    void check_invariants() const;

  private:
    using Tree = SumTree<SpanChunk, SpanSum>;
    /// The gap before a span of a chunk, or behind the chunk's last one.
    struct Place {
        SpanChunk* chunk;
        std::size_t index;
    };
    struct Origins {
        std::uint32_t left;
        std::uint32_t right;
    };

    std::uint64_t known_items(Span const& span, AuthorView const& view) const;
    bool is_gone(Span const& span, AuthorView const& view) const;
    std::uint64_t visible_items(Span const& span, AuthorView const& view) const;
    std::uint64_t visible_items(SpanChunk const& chunk, AuthorView const& view) const;
    SpanSum sum_of(SpanChunk const& chunk) const;
    bool is_prepared() const { return prepared_.sums == Sums::prepared; }
    void prepare(AuthorView const& view);
    void fill(std::span<Span const> spans);
    std::vector<Span> all_spans() const;

    Place locate(std::uint64_t at, AuthorView const& view);
    Place split(Place place, std::uint32_t items);
    Place make_room(Place gap);
    Span& place_span(Place gap, Span const& span);
    static bool skip_ends(Place& place);
    static Span const* span_before(Place place);
    std::uint64_t tip_before(Place place) const;

    Origins gather_gap(Place place, std::uint32_t left, AuthorView const& view);
    Place integrate(Place start, Origins const& own, std::uint64_t stamp);
    void mark_gap();
    bool extend(Place gap,
                AuthorView const& view,
                Insertion const& insertion,
                Origins const& origins);
    void mark_deleted(Place place,
                      AuthorView const& view,
                      std::uint64_t stamp,
                      std::uint64_t kept_at);
    void changed(SpanChunk* chunk, AuthorView const& view, SpanSum delta);

    EditTuning const* tuning_;
    std::uint32_t id_next_ = 1;
    Tree tree_;
    std::size_t spans_ = 0;
    mutable std::uint64_t spans_counted_ = 0;
    std::vector<std::vector<std::uint32_t>> deleters_;
    AuthorView prepared_;  // whose items `SpanSum::view` counts, if `sums` is `prepared`
    // While an insertion looks for its place among those its author did not know:
    std::vector<Place> gap_;
    std::vector<std::uint32_t> scan_of_id_;
    std::uint32_t scan_ = 0;

    friend class SpanCollector;
};

struct SpanList::Loaded {
    SpanList list;
    std::uint64_t mark;
    std::uint64_t touched;
};

}  // namespace capstan
