#pragma once
#include <capstan/engine/text/edit.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace capstan {

/// One edit by lengths alone: at `at`, `removed` items go, then `inserted` come. Items are code
/// points of a text, elements of a list.
struct Splice {
    std::uint64_t at = 0;
    std::uint64_t removed = 0;
    std::uint64_t inserted = 0;
    friend bool operator==(Splice const&, Splice const&) = default;
};

/// A piece of a pending edit as its author would make it now.
struct PendingPiece {
    Stamp stamp;
    Splice splice;         // in the view of the head, earlier pieces applied
    std::uint64_t tip_at;  // where what it inserts stands among all that is visible now
};

class SpanList;
struct AuthorView;

/// Turns edits that were made somewhere in the past into edits at the head. It knows lengths, not
/// content: the owner (a text, a list) holds what is visible at the head, all pending edits
/// included, and applies to it what comes out.
///
/// Edits whose author had seen everything are merely noted (the tail). The first one whose author
/// had not builds the window list from the tail; the list goes when all in it is at or below the
/// merge mark. So a document that is edited in turns, or rests, has neither.
/// docs/ARCHITECTURE.md has the algorithm.
///
/// Shape: events come in seq order, pending edits whenever they are made. `preceding_seq` is at or
/// above the mark (the owner refuses all else).
class EditWindow {
  public:
    explicit EditWindow(EditTuning const& tuning = kEditTuning);
    EditWindow(EditWindow&&) noexcept;
    EditWindow& operator=(EditWindow&&) noexcept;
    ~EditWindow();

    /// True if the event's author had seen all that is visible: its places are those of the head.
    bool is_sequential(EditStamp const& stamp) const;
    /// Notes a sequential edit; `tip_items` is what is visible then. Now and then those noted go
    /// into the list, so that the first edit that is not sequential does not pay for all of them.
    void note(EditStamp const& stamp, Splice const& splice, std::uint64_t tip_items);

    /// The list for edits that are not sequential; `tip_items` is what is visible now.
    /// The next three need it.
    void open(std::uint64_t tip_items);
    /// How many items the author sees.
    std::uint64_t view_items(EditStamp const& stamp);
    /// Places one edit that lies within its author's view, and appends its effects at the head, in
    /// order, each at its place after those before it. At most one of them inserts, the last one.
    /// `kept_at`: where the owner's store will have what a pending edit removes.
    void apply(EditStamp const& stamp,
               Splice const& splice,
               std::uint64_t kept_at,
               std::vector<Splice>& effects);

    /// Nobody will come with a lower p than `mark`: forgets what no later event can tell apart.
    /// Cheap; the list itself is only gone through when it has doubled.
    void advance(Seq mark);
    /// As `advance`, and goes through the list at once.
    void collect(Seq mark);

    /// The pending edit has become the event at `seq`; that may be ahead of the events applied.
    /// False if no such edit is pending.
    bool acknowledge(Stamp pending, Seq seq);
    std::span<Stamp const> pending() const { return pending_; }
    /// All pending edits, as their author would make them now, in order.
    std::vector<PendingPiece> read_pending() const;
    /// Takes these edits (ascending) out as if they had not been made. Each effect that inserts
    /// restores: `restored_from` tells where the owner's store has the items. Pending edits that
    /// remain must be read and withdrawn too, before anything else: they may stand on what is gone.
    void withdraw(std::span<Stamp const> stamps,
                  std::vector<Splice>& effects,
                  std::vector<std::uint64_t>& restored_from);

    EditWindow clone() const;
    /// The window section at the present seq, whose mark is `mark`: all that later events may
    /// still be judged against, and no content. Empty if nothing above the mark edited this.
    /// Precondition: nothing is pending.
    Bytes save(Seq mark, std::uint64_t tip_items) const;
    /// What `save` wrote, beside content of that many items; it goes on as if it had applied all
    /// history. Accepts exactly what `save` writes. Errors: `malformed`.
    static Result<EditWindow> load(ByteView section,
                                   std::uint64_t tip_items,
                                   EditTuning const& tuning = kEditTuning);

    /// Nothing above the mark: at rest only the content is left.
    bool is_empty() const { return list_ == nullptr && tail_first_ == tail_.size(); }
    /// Last seq that edited this; 0 for none since the beginning or since what was loaded.
    Seq touched() const { return Seq{touched_}; }
    std::size_t spans() const;
    /// What reading views has cost: spans that were counted one by one.
    std::uint64_t spans_counted() const;
    EditTuning const& tuning() const { return *tuning_; }
    /// Bytes allocated, beyond this object.
    std::uint64_t memory_bytes() const;
    void check_invariants(std::uint64_t tip_items) const;

  private:
    /// Sequential edits that no list holds yet. One record may stand for `events` keystrokes in a
    /// row, with consecutive seqs, one item each.
    struct Noted {
        std::uint64_t seq;
        Splice splice;
        std::uint32_t device;
        std::uint32_t events;
        std::uint64_t seq_last() const { return seq + events - 1; }
    };

    /// Whether the author sees all that is visible now, and nothing else.
    bool sees_head(EditStamp const& stamp) const;
    AuthorView view_of(EditStamp const& stamp) const;
    bool continues(Noted const& last, std::uint64_t seq, DeviceIndex device, Splice const& s) const;
    void touch(std::uint64_t seq, DeviceIndex device);
    void forget_noted(Seq mark);
    std::uint64_t items_before_tail(std::uint64_t tip_items) const;

    EditTuning const* tuning_;
    std::unique_ptr<SpanList> list_;
    std::vector<Noted> tail_;  // [tail_first_, end) is above the mark
    std::size_t tail_first_ = 0;
    std::vector<Stamp> pending_;       // ascending
    DeviceIndex pending_device_;       // who makes the pending edits
    std::uint64_t touched_ = 0;        // last seq that edited this
    DeviceIndex touched_by_;           // whose it is
    std::uint64_t touched_other_ = 0;  // last one by any other device
    std::uint64_t list_top_ = 0;       // last seq in the list
    std::uint64_t mark_ = 0;
    std::size_t collect_at_;  // spans
};

}  // namespace capstan
