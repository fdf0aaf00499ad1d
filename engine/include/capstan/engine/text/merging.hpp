#pragma once
#include <capstan/engine/text/edit.hpp>
#include <capstan/engine/text/window.hpp>
#include <cstdint>
#include <span>
#include <vector>

namespace capstan {

/// One edit: at item `at`, `removed` items go, then `inserted` come. A `Piece` is a view of items,
/// or holds them.
template <class Piece>
struct SpliceOf {
    std::uint64_t at = 0;
    std::uint64_t removed = 0;
    Piece inserted;
};

/// A pending edit after a refusal or a rebase: what its author now sends for it.
template <class Items>
struct RebasedOf {
    Stamp stamp;  // as before
    std::vector<SpliceOf<Items>> splices;
};

/// Content as it is kept in a snapshot.
template <class Items>
struct SnapshotOf {
    Items content;
    Bytes window;  // empty at rest
    friend bool operator==(SnapshotOf const&, SnapshotOf const&) = default;
};

/// Content that devices edit by position, each from what it had seen: `Text` (a rope of code
/// points) and `List` (elements). What is visible at the head is plain content; what merging needs
/// beside it lives in a window above the merge mark, and at rest there is none. Replicas that were
/// given the same events read the same, whatever they collected and wherever they began.
///
/// Use, for each event in seq order: all its splices of this content at once. Effects come out in
/// order, each at its place after those before it, and are what observers, undo and folded deltas
/// need. For an event that edits several texts and lists of one object ask `check` for each before
/// the first `apply`: what is void for one is void for all.
///
/// Local edits are applied at once with `Stamp::pending(n)`, p = what the device has applied, its
/// own device and the mark in force there; the device's own events then come as `acknowledge`,
/// never as `apply`.
///
/// `Content` has `Piece` (a view of items), `Items` (which holds them), `count(Piece)`,
/// `count_least(Piece)` (cheaper, and never more), `items()`,
/// `all()`, `memory_bytes()`, `append_slice(Items&, at, items)`, `slice_of(Items, at, items)`,
/// `insert(at, Piece)` (the answer is the count), `erase(at, items)`, `give_back()` (spare memory),
/// `check_invariants()`.
///
/// Threading: one strand; also for const functions. Views given and got are not kept.
template <class Content>
class Merging {
  public:
    using Piece = typename Content::Piece;
    using Items = typename Content::Items;
    using Edit = SpliceOf<Piece>;
    using Rebased = RebasedOf<Items>;
    using Snapshot = SnapshotOf<Items>;

    explicit Merging(EditTuning const& tuning = kEditTuning);
    /// Content that everybody knows, without a window section.
    explicit Merging(Piece content, EditTuning const& tuning = kEditTuning);

    /// Another one that reads and merges alike, pending edits included. O(content).
    Merging clone() const;

    /// Whether each splice lies in a view of that many items as those before it left it.
    static bool fits(std::uint64_t items, std::span<Edit const> splices);

    /// What `apply` would answer. Not const: it may have to build the window list.
    EditVerdict check(EditStamp const& stamp, std::span<Edit const> splices);

    /// Applies an event's splices, each in its author's view with those before it applied, or none
    /// of them. Total: any input has a defined outcome. Appends the effects, whose `inserted` are
    /// those of `splices`, and to `removed`, if given, the items that they remove, in their order.
    EditVerdict apply(EditStamp const& stamp,
                      std::span<Edit const> splices,
                      std::vector<Edit>& effects,
                      Items* removed = nullptr);

    /// The pending edit was accepted as the event at `seq`, maybe ahead of events still to be
    /// applied. False if there is no such edit (or was told before).
    bool acknowledge(Stamp pending, Seq seq);
    std::span<Stamp const> pending() const { return window_.pending(); }

    struct Rebase {
        std::span<Stamp const> refused;  // ascending; they go, the other pending edits stay
        Seq head;                        // what the device has applied: the new p
        Seq merge_mark;                  // in force there
        DeviceIndex device;              // whose the pending edits are from now on
    };
    /// Takes refused edits out and makes all other pending edits anew at the head: their new
    /// splices, in order of stamp, each in the view of the head and of those before it, are what
    /// is sent. One that has nothing left to say has none, and is pending no more. `effects` tells
    /// what a reader sees of it; its `inserted` point into this object and last until the next
    /// call.
    std::vector<Rebased> rebase(Rebase const& rebase, std::vector<Edit>& effects);

    /// What is there at the present cursor, whose mark is `mark`, without pending edits.
    /// Precondition: none was acknowledged ahead of the cursor.
    Snapshot snapshot(Seq mark) const;
    /// Merges any later event as if it had applied all history. Text has to be well-formed UTF-8;
    /// the window may be any bytes. Errors: `malformed`.
    static Result<Merging> restore(Piece content,
                                   ByteView window,
                                   EditTuning const& tuning = kEditTuning);

    /// No later event has p below `mark`, at this cursor. `apply` does it with its event's mark;
    /// to be called for what no event touches, when memory is to be given back.
    void collect(Seq mark);
    /// Only the content is left; nothing here belongs into a window section.
    bool at_rest() const { return window_.is_empty(); }

    Content const& content() const { return content_; }
    EditWindow const& window() const { return window_; }
    /// Bytes in use, for measurement.
    std::uint64_t memory_bytes() const {
        return sizeof *this - sizeof content_ + content_.memory_bytes() + window_.memory_bytes();
    }
    void check_invariants() const;

  private:
    void apply_at_head(EditStamp const& stamp,
                       std::span<Edit const> splices,
                       std::vector<Edit>& effects,
                       Items* removed);
    void apply_in_window(EditStamp const& stamp,
                         Edit const& splice,
                         std::vector<Edit>& effects,
                         Items* removed);
    void withdraw(std::span<Stamp const> stamps,
                  std::vector<Items>& restored,
                  std::vector<Edit>& effects);
    std::vector<Rebased> read_pending() const;

    Content content_;
    EditWindow window_;
    /// What pending edits removed, in the order they did: a refusal puts it back.
    std::unique_ptr<Items> removed_;
    std::vector<Items> restored_;  // what the last rebase's effects point into
    std::vector<Splice> pieces_;   // of the edit in work
};

}  // namespace capstan
