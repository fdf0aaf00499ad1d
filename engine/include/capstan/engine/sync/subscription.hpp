#pragma once
#include <capstan/engine/causality/ranges.hpp>
#include <capstan/engine/sync/delivery.hpp>
#include <capstan/engine/sync/effects.hpp>
#include <capstan/engine/sync/outbox.hpp>
#include <capstan/engine/sync/snapshot_intake.hpp>
#include <capstan/engine/sync/store.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace capstan::sync {

/// Where reading begins.
struct ReadFrom {
    enum class Kind : std::uint8_t {
        stored,  // the cursor in the store; the first event where there is none
        cursor,  // behind this cursor
        seq,     // at this seq; at the next event if the stream hasn't come that far
        tail,    // at the next event
    };
    Kind kind = Kind::stored;
    StoredCursor cursor;
    Seq seq;
    bool snapshots = false;             // a snapshot may take the place of events
    std::map<ChunkId, Bytes> chunks{};  // of one that was under way, from the store
};

/// The server's judgement of a cursor. The numbers are those of `fb::Verdict`.
enum class CursorVerdict : std::uint8_t {
    up_to_date,
    delta,
    folded_delta,
    snapshot,
    reset,
    denied
};

/// `fb::StreamState`, as far as readers need it.
struct StreamState {
    CursorVerdict verdict = CursorVerdict::up_to_date;
    Generation generation;
    Seq head;
    Hash128 chain;  // at head
    std::uint16_t code = 0;
};

/// One stream as a device reads it: each event once, in order, verified against the chain hash.
/// What is missing is either declared (a hole) or asked for again (`Need`).
///
/// Invariants:
/// 1. consumed <= delivered; what lies between is in `passed_`.
/// 2. Held messages begin behind the next event and are kept until the gap before them is filled.
///
/// Threading: one thread at a time.
class Subscription {
  public:
    enum class Stage : std::uint8_t {
        wanted,       // to be asked for
        asked,        // waits for the stream's state
        loading,      // a snapshot comes in
        following,    // events come in
        interrupted,  // the server could not read it: asked for again after a while
        failed,       // denied, or its history cannot be trusted; the others go on
    };

    /// `history`: the number that its readings carry, another than those of the one before it.
    Subscription(std::string stream,
                 ReadFrom from,
                 std::optional<StoredCursor> const& stored,
                 std::uint32_t history = 0);

    /// What to say in `Hello` or `Subscribe`. A place that needs the stream's head or generation is
    /// asked in two steps, the first without `subscribe`.
    struct Ask {
        Generation generation;
        Seq seq;
        std::optional<Hash128> chain;
        bool subscribe = true;
        bool snapshots = false;
        bool folds = false;  // a folded delta of what is held will do, too
    };
    /// `may_load`: the application could put a snapshot in place of what it holds.
    Ask ask(bool may_load);
    bool wants_snapshots() const { return snapshots_; }

    void on_state(StreamState const& state, Instant now, Effects& effects);
    /// Errors: `malformed`: the peer broke the protocol; the session is to be closed.
    Result<> on_events(Delivery delivery, Instant now, Effects& effects);
    void on_hole(Seq first, Seq last, std::uint8_t why, Instant now, Effects& effects);
    /// What comes while none is expected was under way when the stream was asked for anew.
    /// Errors: `protocol_violation`.
    Result<> on_snapshot(OfferedSnapshot const& offer, ChunkCodec const& codec, Instant now);
    /// True if a chunk is whole with this part.
    bool on_chunk(ChunkPart const& part, bool may_load, Instant now, Effects& effects);
    /// The server has said that it cannot go on with the stream, for a reason that may pass.
    void on_interrupted(Error why, Effects& effects);
    void on_disconnected();

    /// The application holds 1..seq durably. False if that much was not delivered.
    bool consumed(Seq seq);
    /// What to ask for again, once: ranges of a gap.
    std::vector<SeqRanges::Range> take_needs();
    /// When a gap has been open for too long, nothing of what is loaded has come for too long, or
    /// an interruption has lasted long enough: ask for the stream anew.
    std::optional<Instant> gap_since() const { return gap_since_; }
    /// While loading: when something of it last came.
    Instant loaded_at() const { return loaded_at_; }
    void ask_anew();
    std::vector<ChunkId> take_chunk_needs() {
        return intake_ ? intake_->take_needs() : std::vector<ChunkId>();
    }
    /// Bytes of runs and chunks that no longer count against the credit.
    std::uint64_t take_credit() { return std::exchange(credit_, 0); }
    /// Bytes of runs that were delivered and are not consumed.
    std::uint64_t unconsumed_bytes() const { return unconsumed_bytes_; }

    Stage stage() const { return stage_; }
    bool caught_up() const { return stage_ == Stage::failed || reached_; }
    /// Where the application is, for the store and for `Ack`.
    StoredCursor const& consumed_cursor() const { return consumed_; }
    bool take_consumed_changed() { return std::exchange(consumed_changed_, false); }
    Seq delivered() const { return at_.seq; }
    /// Readings of another number are of a history, or of a subscription, that was given up.
    std::uint32_t history() const { return history_; }
    ReaderAt reader() const { return {consumed_.generation, consumed_.seq}; }
    void check_invariants() const;

  private:
    /// A message that came before its turn.
    struct Held {
        Seq last;
        std::optional<Delivery> events;  // none: a hole
        std::uint8_t why = 0;
    };
    /// A delivered event, or hole, that is not consumed yet.
    struct Passed {
        Seq seq;
        std::optional<Hash128> chain;
        std::uint64_t bytes = 0;  // of the message, at its last event
    };

    void start_at(StoredCursor cursor);
    void locate(StreamState const& state);
    bool begin_loading(StreamState const& state);
    void reset(StreamState const& state, Effects& effects);
    void fail(Error error, Effects& effects);
    void hold(Seq first, Held held, Instant now);
    void deliver_held(Effects& effects);
    bool verify(Delivery const& delivery, std::vector<Passed>& passed) const;
    void deliver(Delivery delivery, Effects& effects);
    void pass_hole(Seq last, std::uint8_t why, Effects& effects);
    void drop_held();
    void drop_intake();
    void note_reached();
    void refuse_chunk(Error error, Effects& effects);
    void finish_loading(Effects& effects);

    std::string stream_;
    ReadFrom from_;
    Stage stage_ = Stage::wanted;
    bool located_ = false;  // `at_` is where reading begins, or has come to
    StoredCursor at_;       // delivered up to here
    StoredCursor consumed_;
    bool consumed_changed_ = false;
    std::deque<Passed> passed_;  // ascending
    std::uint64_t unconsumed_bytes_ = 0;
    std::uint64_t credit_ = 0;
    std::map<Seq, Held> held_;  // by first
    SeqRanges asked_again_;     // what `Need` was sent for
    std::optional<Instant> gap_since_;
    Seq head_;  // the greatest that was told of this history: pages that are shared tell older ones
    Seq target_;  // the head when the server last judged our cursor
    bool reached_ = false;
    std::uint32_t history_ = 0;
    std::uint32_t mismatches_ = 0;  // of the chain hash, in a row

    bool snapshots_ = false;        // may be asked for
    bool asked_snapshots_ = false;  // were, when the stream was asked for
    bool asked_folds_ = false;
    bool folds_ = true;  // until, on this connection, one did not come or was none
    Instant loaded_at_;
    std::optional<SnapshotIntake> intake_;
    std::map<ChunkId, Bytes> chunks_;   // while there is no intake
    std::set<ChunkId> stored_chunks_;   // with a record in the store
    std::uint32_t refused_chunks_ = 0;  // in a row
};

}  // namespace capstan::sync
