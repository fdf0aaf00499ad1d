#pragma once
#include <capstan/engine/text/edit.hpp>
#include <capstan/engine/text/rope.hpp>
#include <capstan/engine/text/window.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

/// One edit of a text: at code point `at`, `removed` code points go, then `inserted` comes.
struct TextSplice {
    std::uint64_t at = 0;
    std::uint64_t removed = 0;
    std::string_view inserted;  // UTF-8
    friend bool operator==(TextSplice const&, TextSplice const&) = default;
};

/// A pending edit after a refusal or a rebase: what its author now sends for it.
struct RebasedEdit {
    struct Splice {
        std::uint64_t at;
        std::uint64_t removed;
        std::string inserted;
    };
    Stamp stamp;  // as before
    std::vector<Splice> splices;
};

/// A text as it is kept in a snapshot.
struct TextSnapshot {
    std::string content;  // UTF-8
    Bytes window;         // empty at rest
    friend bool operator==(TextSnapshot const&, TextSnapshot const&) = default;
};

/// A text that devices edit by position, each from what it had seen. What is visible at the head
/// is a rope; what merging needs beside it lives in a window above the merge mark, and at rest
/// there is none. Replicas that were given the same events read the same, whatever they collected
/// and wherever they began.
///
/// Use, for each event in seq order: all its splices of this text at once. Effects come out in
/// order, each at its place after those before it, and are what observers, undo and folded deltas
/// need. For an event with several texts of one object ask `check` for each before the first
/// `apply`: what is void for one is void for all.
///
/// Local edits are applied at once with `Stamp::pending(n)`, p = what the device has applied, its
/// own device and the mark in force there; the device's own events then come as `acknowledge`,
/// never as `apply`.
///
/// Threading: one strand; also for const functions. Views given and got are not kept.
class Text {
  public:
    explicit Text(EditTuning const& tuning = kEditTuning);
    /// Content that everybody knows, for a text without a window section.
    explicit Text(std::string_view utf8, EditTuning const& tuning = kEditTuning);

    /// What `apply` would answer. Not const: it may have to build the window list.
    EditVerdict check(EditStamp const& stamp, std::span<TextSplice const> splices);

    /// Applies an event's splices, each in its author's view with those before it applied, or none
    /// of them. Total: any input has a defined outcome. Appends the effects, whose `inserted` are
    /// those of `splices`.
    EditVerdict apply(EditStamp const& stamp,
                      std::span<TextSplice const> splices,
                      std::vector<TextSplice>& effects);

    /// The pending edit was accepted as the event at `seq`, maybe ahead of events still to be
    /// applied. False if this text has no such edit (or was told before).
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
    /// what a reader sees of it; its `inserted` point into this text and last until the next call.
    std::vector<RebasedEdit> rebase(Rebase const& rebase, std::vector<TextSplice>& effects);

    /// The text at the present cursor, whose mark is `mark`, without pending edits. Precondition:
    /// none was acknowledged ahead of the cursor.
    TextSnapshot snapshot(Seq mark) const;
    /// Merges any later event as if it had applied all history. The content is well-formed UTF-8;
    /// the window may be any bytes. Errors: `malformed`.
    static Result<Text> restore(std::string_view content,
                                ByteView window,
                                EditTuning const& tuning = kEditTuning);

    /// No later event has p below `mark`, at this cursor. `apply` does it with its event's mark;
    /// to be called for texts that no event touches, when memory is to be given back.
    void collect(Seq mark) { window_.collect(mark); }
    /// Only the content is left; nothing here belongs into a window section.
    bool at_rest() const { return window_.is_empty(); }

    Rope const& content() const { return rope_; }
    EditWindow const& window() const { return window_; }
    void check_invariants() const;

  private:
    static bool fits(std::uint64_t items, std::span<TextSplice const> splices);
    void apply_at_head(EditStamp const& stamp,
                       std::span<TextSplice const> splices,
                       std::vector<TextSplice>& effects);
    void apply_in_window(EditStamp const& stamp,
                         TextSplice const& splice,
                         std::vector<TextSplice>& effects);
    void keep_removed(std::uint64_t at, std::uint64_t points);
    void withdraw(std::span<Stamp const> stamps,
                  std::vector<std::string>& restored,
                  std::vector<TextSplice>& effects);
    std::vector<RebasedEdit> read_pending() const;

    Rope rope_;
    EditWindow window_;
    std::vector<Splice> scratch_;
    /// What pending edits removed, in the order they did: a refusal puts it back.
    std::unique_ptr<Rope> removed_;
    std::vector<std::string> restored_;  // what the last effects point into
};

}  // namespace capstan
