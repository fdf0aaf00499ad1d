#pragma once
#include <algorithm>
#include <capstan/engine/coalesce/coalescer.hpp>
#include <capstan/engine/sync/answer.hpp>
#include <capstan/engine/sync/backoff.hpp>
#include <capstan/engine/sync/effects.hpp>
#include <capstan/engine/sync/identity.hpp>
#include <capstan/engine/sync/store.hpp>
#include <capstan/schema/limits.hpp>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace capstan::sync {

/// What one run may hold: the submission around it stays below kSubmissionBytesMax.
inline constexpr std::size_t kRunBytesMax = kSubmissionBytesMax - 5'000;
/// Mutations are gathered into a run up to here.
inline constexpr std::size_t kRunBytesTarget = 256 * 1'024;
inline constexpr std::size_t kRunsInFlightMax = 16;
/// Mutations that are coalesced into one run: it keeps them until it has its verdict.
inline constexpr std::size_t kCoalescedBytesMax = 1'048'576;
/// Confirmed runs are kept until the reader has passed them, in case the server loses history.
inline constexpr std::size_t kAckedRunsMax = 64;

struct PublishOptions {
    bool needs_window = false;          // text, lists and the like (RunFlags::needs_window)
    std::optional<Seq> expect_head;     // refuse unless the head is this when the fold decides
    std::optional<Seq> preceding = {};  // what the author had applied; none: as far as was consumed
    /// The events are operations on objects (`encode_event`), and only what they come to matters:
    /// while they wait they may be merged with others of this kind (`coalesce::Coalescer`). With a
    /// guard they stay as they are.
    bool coalesces = false;
};

/// Bytes of runs sent on the present connection and not answered, over all streams.
struct FlightWindow {
    std::size_t bytes = 0;
};

/// How far the device's reader is in a stream.
struct ReaderAt {
    Generation generation;
    Seq seq;
};

/// The writes of one stream on their way to the server.
///
///     acked ──confirmed── frozen ──fence── kept ── pending
///
/// A publish call is a mutation; pending mutations are frozen into runs when they can be sent. A
/// run is sent unchanged until it has a verdict. When a gateway refuses a run, a copy may have gone
/// another way: the run and those behind it are kept as they are, and a floor record under a new
/// attempt, the fence, settles their fate. Verdicts are handled as DESIGN section 7 has them.
///
/// Mutations that coalesce are merged when they are frozen, never across another p, a guard or one
/// that must stay alone. Their run keeps them, in the store too, until it is forgotten: each is
/// told `confirmed` or `refused` by itself, and a dead run becomes its mutations again, to be
/// merged anew. Those of which nothing is left to send are confirmed without a seq.
///
/// Invariants:
/// 1. acked, frozen, kept: each run's `after` is the link of the run before it; the first frozen
///    one follows `confirmed`, unless history was lost.
/// 2. Mutation ids ascend through acked, frozen, kept and pending, in this order: device order.
/// 3. There is a fence iff a run is kept; then nothing is frozen anew.
/// 4. A coalesced run has its mutations, in the order of its parts; other runs have none.
///
/// Threading: one thread at a time. Lifetime: `identity` and `window` outlive it.
class Outbox {
  public:
    Outbox(std::string stream, Identity& identity, FlightWindow& window);
    Outbox(std::string stream,
           Identity& identity,
           FlightWindow& window,
           StoreImage::Stream&& stored);

    /// What the stream's policies say of fields; none: the defaults.
    void coalesce_by(coalesce::RulesOf rules) { rules_ = std::move(rules); }

    /// Takes one publish call in: its events stay together, in one run.
    /// Errors: `request_invalid`, `too_large`, `preceding_seq_invalid` (below an earlier one),
    /// `malformed` (it coalesces, and an event is none).
    Result<MutationId> publish(std::vector<Bytes> events,
                               PublishOptions const& options,
                               ReaderAt reader);

    /// Forgets a write that was refused for good: the application has dealt with it. False if there
    /// is none of this id.
    bool discard(MutationId mutation, Effects& effects);

    /// Takes back a write that is not frozen, or was refused for another reason: refused for this
    /// one, as if the server had said so. False if there is none of this id, or a copy may be under
    /// way.
    bool withdraw(MutationId mutation, Error const& why, Effects& effects);
    /// Writes that are pending, or were refused, go on as their author says now: other events, made
    /// where the author stands. They keep their ids, hence their order. All that is pending behind
    /// the first of them has to be among them, since p never falls. Ids that are not there are left
    /// out. One without events has nothing left to say: it is confirmed without a seq.
    struct Revision {
        MutationId mutation;
        std::vector<Bytes> events;
    };
    void revise(std::vector<Revision> revisions, ReaderAt at, Effects& effects);
    /// From now on nothing is frozen behind a write that was refused for good, until its author has
    /// looked at what it made of it and says `reviewed`. What is there already is to be looked at.
    void review_refusals() {
        reviews_ = true;
        in_review_ = !refused_.empty();
    }
    void reviewed() { in_review_ = false; }
    bool in_review() const { return in_review_; }

    /// `history_lost`: the server has another history than the reader's cursor names.
    Insight on_standing(Standing const& standing, bool history_lost, Effects& effects);
    /// The server doesn't tell: what needs to know goes without.
    void on_standing_denied() { standing_known_ = true; }
    Insight on_answer(Answer const& answer, Instant now, Random& random, Effects& effects);
    /// What is under way may or may not have arrived: all of it is to be sent again.
    void on_disconnected();
    /// The reader holds 1..seq durably.
    void on_consumed(Seq seq, Effects& effects);

    /// The store is behind the server: settles what is frozen, from answers alone.
    void begin_recovery();
    /// Nothing frozen or kept is left. Recovery is over when all outboxes are drained.
    bool drained() const { return frozen_.empty() && kept_.empty(); }
    /// The device has a new id: what is pending goes on under it. Precondition: drained.
    void renew(Effects& effects);

    /// Gathers pending mutations into runs: up to about this many bytes not yet sent, as long as
    /// less than kRunsInFlightMax runs are without an answer.
    void freeze(Effects& effects, std::size_t bytes_max);
    /// Writes what has changed and is still pending; says `stored` of what was published, and says
    /// again what was refused before this opening of the store and not discarded.
    void save(Effects& effects);

    struct Outgoing {
        ByteView run;
        Generation generation;
        std::optional<Seq> expect_head;
        bool again = false;  // it was sent before
    };
    /// Bytes of the runs that may go now.
    std::size_t sendable_bytes(Instant now) const;
    /// The next run to send, if there is one that may go now.
    std::optional<Outgoing> next_to_send(Instant now) const;
    /// The one that `next_to_send` gave is sent.
    void sent(Instant now, Effects& effects);

    /// Nothing is left to be sent.
    bool idle() const { return drained() && pending_.empty(); }
    /// A pending mutation names a preceding seq, and the history that it counts in is not known.
    bool needs_standing() const;
    /// When the oldest run without an answer was sent.
    std::optional<Instant> waiting_since() const;
    /// Nothing is sent before; none: now.
    std::optional<Instant> held_until() const { return held_until_; }
    std::size_t bytes() const { return bytes_; }
    /// What is published now counts as made there at least: p never falls.
    Seq preceding_least() const { return std::max(preceding_given_, record_.preceding_seq); }

    struct Counts {
        std::size_t pending = 0;
        std::size_t frozen = 0;
        std::size_t kept = 0;
        std::size_t acked = 0;
        std::size_t refused = 0;
        friend bool operator==(Counts const&, Counts const&) = default;
    };
    Counts counts() const;
    OutboxRecord const& record() const { return record_; }

    /// A write as it stands here.
    struct Entry {
        enum class Stage : std::uint8_t { acked, frozen, kept, pending, refused };
        Stage stage = Stage::pending;
        Mutation mutation;
        Link link;  // the last event of its run; none while it is not frozen
        bool sent = false;
        std::uint16_t code = 0;  // refused, also provisionally
    };
    /// All of them: in device order, then those that were refused. Acked ones are there until the
    /// reader has passed them, or there are too many.
    std::vector<Entry> entries() const;
    /// What was refused for good and not discarded; nothing if it is not, or not any more.
    RefusedWrite const* refused(MutationId mutation) const {
        auto const found = refused_.find(mutation);
        return found == refused_.end() ? nullptr : &found->second;
    }
    /// The run that ends with this event is in the stream: its last mutation. Nothing if there is
    /// no such run.
    std::optional<MutationId> sequenced(Link const& link) const;
    void check_invariants() const;

  private:
    enum class Flight : std::uint8_t { idle, under_way, gapped };
    /// What recovery has found out about a run.
    enum class Fate : std::uint8_t { open, accepted, dead };
    /// A frozen run with what its bytes say.
    struct Run {
        RunRecord record;
        std::vector<Mutation> mutations;  // coalesced: what it was made of
        RunHeader header;
        Link link;  // what follows it names as `after`
        std::uint32_t count = 0;
        Seq last_seq;   // acked: where it ends; 0 while unknown
        Seq first_seq;  // in recovery: where it begins; 0 where nobody tells
        Flight flight = Flight::idle;
        Fate fate = Fate::open;
        bool sent_before = false;
        Instant sent_at;
        Bytes const& bytes() const { return record.run; }
        /// In memory, with what it was made of.
        std::size_t bytes_held() const;
    };
    struct Fence {
        Bytes run;
        Attempt attempt;
        Flight flight = Flight::idle;
        bool sent_before = false;
        Instant sent_at;
        Bytes const& bytes() const { return run; }
    };
    struct Pending {
        Mutation mutation;
        bool stored = false;  // its record is in the store
    };
    /// The first pending mutations, and the events that they come to.
    struct Coalesced {
        std::size_t mutations = 0;
        std::vector<Event> events;
    };
    struct Refusal {
        std::uint16_t code = 0;
        std::string detail;
    };
    static Run run_of(RunRecord record);
    static std::size_t size_of(std::vector<Bytes> const& events);

    // outbox.cpp
    Attempt current_attempt();
    void end_attempt();
    /// A stream that is only read has no record.
    void change_record() { record_changed_ = record_changed_ || record_.attempt > Attempt{}; }
    Link tail() const { return frozen_.empty() ? record_.confirmed : frozen_.back().link; }
    std::size_t next_group() const;
    bool joins(Mutation const& first, Mutation const& next) const;
    void freeze_group(std::size_t mutations, Effects& effects);
    void freeze_run(RunRecord record,
                    Mutation const& first,
                    std::span<ByteView const> events,
                    std::vector<Mutation> coalesced,
                    Effects& effects);
    Mutation take_first_pending(Effects& effects, bool keep_record);
    void resolve(Mutation& mutation) const;
    void put(Run const& run, Effects& effects) const;
    void erase(Run const& run, Effects& effects) const;
    template <class Item>
    void land(Item& item, Flight flight = Flight::idle);

    // outbox_coalesce.cpp
    std::optional<Coalesced> coalesce_next() const;
    void freeze_coalesced(Coalesced group, Effects& effects);
    void tell_cancelled(Effects& effects);

    // outbox_answers.cpp
    std::size_t find(Answer const& answer) const;
    std::size_t through(Link const& last) const;
    bool is_ahead(Link const& last) const;
    bool is_foreign(Link const& last, Attempt device_attempt) const;
    bool came_back(Link const& last) const;
    void on_definite_no(std::size_t at, Answer const& answer, Effects& effects);
    void on_turned_away(std::size_t at, Answer const& answer, Instant now, Random&, Effects&);
    Insight on_front_gap(Instant now, Random& random);
    Insight on_fence_answer(Answer const& answer, Instant now, Random& random, Effects& effects);
    void hold(Instant now, Random& random, Duration retry_after);
    void confirm(std::size_t runs, Seq first_seq_of_last, Effects& effects);
    void tell_confirmed(Run const& run, Seq first_seq, Effects& effects) const;
    void trim_acked(Effects& effects);
    std::vector<Mutation> mutations_of(Run const& run) const;
    void refuse(Run const& run, Refusal const& why, Effects& effects);
    void refuse(Mutation mutation, Refusal const& why, Effects& effects);
    void requeue(Run const& run, Effects& effects, bool alone = false);
    void requeue(Mutation mutation);
    void requeue_frozen(Effects& effects);
    void tell_refused(Mutation const& mutation, Refusal const&, bool provisional, Effects&) const;

    // outbox_doubt.cpp
    void keep_from(std::size_t at, Refusal const& why, Effects& effects);
    void raise_fence();
    void drop_fence();
    void settle_kept(Effects& effects);
    void settle(Run const& run, Effects& effects);
    void lose_history(Standing const& standing, Effects& effects);
    void rebase_or_refuse(Mutation mutation, Effects& effects);
    void break_recovery_off();
    void on_answer_in_recovery(std::size_t at, Answer const& answer, Instant, Random&, Effects&);

    std::string stream_;
    Identity& identity_;
    FlightWindow& window_;
    OutboxRecord record_;
    std::deque<Run> acked_;
    std::deque<Run> frozen_;
    std::deque<Run> kept_;
    std::map<MutationId, Pending> pending_;
    std::map<MutationId, RefusedWrite> refused_;  // for good, not discarded yet
    std::optional<Fence> fence_;

    std::optional<Attempt> attempt_;  // the current one, if it was needed yet
    bool opening_attempt_spent_ = false;
    Seq preceding_given_;          // no later mutation may name a lower one
    bool standing_known_ = false;  // on this connection
    Link standing_last_;           // what it said of this device; none: it did not
    bool recovering_ = false;
    coalesce::RulesOf rules_;
    Backoff backoff_;
    std::optional<Instant> held_until_;
    std::uint32_t front_gaps_ = 0;  // counter gaps in a row of the very next run
    std::size_t bytes_ = 0;         // of events, in frozen, kept, pending and refused

    bool record_changed_ = false;
    bool durable_next_ = false;          // what is saved next goes to the disk before anything else
    std::vector<MutationId> unsaved_;    // pending mutations to write
    std::vector<MutationId> published_;  // to be called stored
    std::vector<MutationId> cancelled_;  // nothing is left to send: to be called confirmed
    bool refused_told_ = true;           // all of them, since the store was opened
    bool reviews_ = false;               // an author looks at what is behind a refused write
    bool in_review_ = false;             // and has not done so yet: nothing is frozen
};

/// A run or a fence that was under way has its answer, or lost its connection.
template <class Item>
void Outbox::land(Item& item, Flight flight) {
    if (item.flight == Flight::under_way) {
        window_.bytes -= item.bytes().size();
    }
    item.flight = flight;
}

}  // namespace capstan::sync
