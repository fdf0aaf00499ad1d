#pragma once
#include <capstan/engine/coalesce/coalescer.hpp>
#include <capstan/engine/model/conflict_log.hpp>
#include <capstan/engine/model/model.hpp>
#include <capstan/engine/model/overlay.hpp>
#include <capstan/engine/model/undo.hpp>
#include <capstan/engine/model/view.hpp>
#include <capstan/engine/snapshot/restore.hpp>
#include <capstan/engine/sync/client.hpp>
#include <capstan/engine/sync/recent_past.hpp>
#include <capstan/engine/sync/resolver.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::sync {

struct MutateOptions {
    /// Refuse unless the stream's head is this when the server decides.
    std::optional<Seq> expect_head;
    /// Its user may take it back (`Replica::keep_undo`).
    bool undoable = true;
};

/// A step that was taken back, or made again.
struct Undone {
    MutationId mutation;
    std::vector<UndoSkip> skipped;  // what stays as it is, since somebody wrote
};

/// How a replica stands.
struct ReplicaStatus {
    Seq applied;              // the model holds 1..applied
    Generation generation;    // of that history
    std::size_t pending = 0;  // events of this device that the model does not hold yet
    std::size_t objects = 0;  // confirmed
    std::uint64_t conflicts = 0;
    bool caught_up = false;
};

/// One stream's model on a device: what its events make, with the device's own mutations on top.
///
///     server ──Delivery──▶ model (confirmed) ──┐
///     application ──mutate──▶ overlay, outbox ──┴─▶ view, changes
///
/// It drives a client's outbox and cursor for its stream. The client's effects that name the stream
/// are given to it, in their order; what changed for the user is fetched with `take_changes` once
/// several inputs are done. A mutation is in the view when `mutate` returns.
///
/// - A device's own events are known by their dots: an event may come before its answer, an answer
///   ahead of the cursor, and either takes effect once.
/// - A write that is refused leaves the view. Writes behind it that act on what it was to insert
///   are withdrawn with it; all others are read anew on what is left, and go on. Edits of texts and
///   lists are read from the list that holds them, so what was typed around a refused one stays.
/// - A write that lies below the merge mark, once the model has caught up, or was to be sent by a
///   device that is none any more, is put at the present place by itself, and says what its author
///   had really seen. Edits of texts and lists of such a device, or of a history that is lost, are
///   refused: their places mean nothing any more.
/// - What the model came to is in the same transaction as the cursor, as records of the objects
///   that events touched. After a crash the model is what the cursor says.
///
/// A mutation costs what it touches, however much is pending. What comes from the server and
/// touches an object with pending writes makes those be worked out once more when it is next read.
///
/// Invariants:
/// 1. The model holds exactly the events up to the consumed cursor, in the cursor's history.
/// 2. The overlay holds exactly the writes of the outbox that are not refused and not in the model.
///
/// Threading: that of the client. Lifetime: the client outlives it.
class Replica {
  public:
    /// Reads the model as it was stored, and subscribes behind it. `records`: all whose keys begin
    /// with `model_prefix(stream)`, in any order. Records that do not fit the client's cursor are
    /// given up, and the stream is read from its beginning.
    static std::unique_ptr<Replica> open(Client& client,
                                         StreamName stream,
                                         std::span<StoredRecord const> records);
    ~Replica();

    /// Publishes one event, if its author may say it: all of it or nothing.
    /// Errors: as `check_as_author`; those of Client::publish; `not_ready`: it has a guard, and
    /// own writes are not in the model yet, or it edits a text or list while a new history is read.
    Result<MutationId> mutate(Event event, MutateOptions const& options = {});
    /// Emits what differs between what is there and this. Nothing differs: nothing is published.
    /// Errors: as `mutate`, and as `coalesce::assign`.
    Result<std::optional<MutationId>> assign(std::string_view object,
                                             coalesce::ObjectValue const& whole);
    /// Publishes what was refused once more, as work of now. Errors: as `mutate`; `not_found`;
    /// `request_invalid`: it edits a text or list, at a place of another moment.
    Result<MutationId> retry(MutationId refused);

    // What its user has done since `keep_undo`, newest first, while the replica lives: no part of
    // what is stored. Another history, once there is one, has none of it.

    /// From now on own mutations can be taken back, the newest `steps_max` of them.
    void keep_undo(std::size_t steps_max = 200);
    /// Publishes the contrary of the newest step that anything is left of: an ordinary event, made
    /// offline like any other. Nothing: there is no such step. Errors: as `mutate`; a step that
    /// cannot be said later either is gone, any other can be tried again.
    Result<std::optional<Undone>> undo();
    /// Publishes what `undo` took back last; what the user does otherwise ends that.
    Result<std::optional<Undone>> redo();
    std::size_t undo_steps() const { return undo_ ? undo_->steps() : 0; }
    std::size_t redo_steps() const { return undo_ ? undo_->steps_back() : 0; }

    // Effects of the client that name this stream.

    void on(Delivery const& delivery);
    void on(HoleDeclared const& hole);
    void on(SnapshotArrived const& arrived);
    void on(HistoryLost const& lost);
    void on(Recovered const& recovered);
    /// True if nobody else needs to hear it: the write goes on under its id, as work of now.
    bool on(WriteMoved const& moved);

    /// What is different for the user since the last call.
    Changes take_changes();

    View view() { return View(*model_, *overlay_); }
    /// Whether the write is in the view and not in the model.
    bool shows(MutationId mutation) const { return own_.contains(mutation); }
    Model const& model() const { return *model_; }
    ConflictLog const& conflicts() const { return conflicts_; }
    /// Whether both sides of the conflict still stand: nobody has settled it.
    bool is_open(Conflict const& conflict) const;
    /// What both authors had seen there before they wrote. Nothing: it is about an object as a
    /// whole, or longer ago than is remembered here; the stream's events tell.
    std::optional<ConflictBase> base_of(Conflict const& conflict) const;
    RecentPast const& recent_past() const { return past_; }
    /// From now on it decides what is in dispute, also what stands already; one for each type and
    /// field, the last one counts.
    void resolve_by(Resolver resolver);
    /// Lets resolvers look at what waits for them. It does so by itself when something comes in.
    void resolve();
    /// Of the confirmed model.
    std::uint64_t state_hash() const { return model_->state_hash(); }
    ReplicaStatus status() const;
    StreamName const& stream() const { return stream_; }
    /// What the stream's policies say, for writes that coalesce.
    coalesce::CoalesceRules coalesce_rules(std::string_view object, std::string_view field);
    void check_invariants() const;

  private:
    /// A write that is in the overlay.
    struct Own {
        std::vector<std::uint64_t> locals;  // one for each of its events
        std::optional<Link> confirmed;      // in the stream, and not in the model yet
    };

    /// What a mutation is to its user's steps.
    enum class Part : std::uint8_t { step, undo, redo, aside };

    Replica(Client& client, StreamName stream);
    void reset_model();

    // replica.cpp
    Result<MutationId> say(Event event, MutateOptions const& options, Part part);
    void apply(DeliveredEvent const& delivered, Changes& scratch);
    void after_input();
    void on_own_run(Link const& link);
    void show(MutationId mutation, std::vector<Bytes> const& events, Seq preceding);
    void hide(MutationId mutation);
    void show_all();
    void consume(Seq last);
    Subscription const& subscription() const;
    bool has_caught_up() const;

    // replica_review.cpp
    void review();
    bool belongs(Outbox::Entry const& entry) const;
    void withdraw_dependants(std::vector<Outbox::Entry> const&, std::set<MutationId>& gone);
    void make_anew(std::vector<Outbox::Entry> const& entries, std::set<MutationId>& gone);
    std::map<std::uint64_t, Overlay::Rebased> rebase(std::set<MutationId> const& unsent,
                                                     std::set<MutationId> const& gone);
    bool withdraw_void(std::set<MutationId> const& unsent,
                       std::map<std::uint64_t, Overlay::Rebased> const& rebased,
                       std::set<MutationId>& gone);
    Outbox::Revision revision_of(Mutation const& mutation,
                                 std::map<std::uint64_t, Overlay::Rebased> const& rebased) const;

    // replica_changes.cpp
    void remember(std::string const& object);
    void remember_pending();
    void remember_life(Op const& op);
    bool is_hidden(Change const& change) const;
    void keep_news(Changes&& changes);
    std::uint64_t put_on_top(Event event, Seq preceding);
    void tell_outdated(std::string const& object,
                       Overlay::Shown const& before,
                       std::vector<Change>& out);

    Changes gather_changes();
    void note_changes();
    void keep_gathered(Changes&& fresh);

    // replica_undo.cpp
    void note_step(Part part, MutationId mutation, RemovedObjects removed);
    Result<std::optional<Undone>> say_contrary(Part part);

    // replica_resolve.cpp
    Resolver const* resolver_of(std::string_view type, std::string_view field) const;
    void look_through_model(Resolver const& resolver);
    void note_disputes(Changes const& changes);
    bool is_for_us(Resolver const& resolver, Dispute const& dispute) const;
    void decide(Resolver const& resolver, Dispute const& dispute);

    // replica_snapshot.cpp
    void remember_all(Model const& model);
    Result<> take_over(TakenSnapshot const& snapshot);
    Result<> take_over(FoldedDelta const& delta);
    void stand_on(RestoredSnapshot&& restored);
    void begin_anew();

    // replica_store.cpp
    bool load(std::span<StoredRecord const> records);
    void save_touched(StoredCursor const& cursor);
    void bury(std::vector<Write>& writes);
    void erase_records();

    Client& client_;
    StreamName stream_;
    std::unique_ptr<Model> model_;
    std::unique_ptr<Overlay> overlay_;
    std::map<MutationId, Own> own_;
    Dot own_applied_;  // this device's last event that the model holds
    ConflictLog conflicts_;
    RecentPast past_;
    std::map<std::pair<std::string, std::string>, Resolver> resolvers_;  // by type and field
    std::set<DisputePlace> disputes_;  // what they have to look at

    /// How many refused writes wait for the model to catch up: then they are put where it stands.
    std::optional<std::size_t> waiting_;

    // Objects that may have changed as a whole, as they were; and all other changes.
    std::map<std::string, std::optional<coalesce::ObjectValue>> before_;
    Changes changes_;
    Changes gathered_;  // known to the steps of the user, and not taken yet
    std::unique_ptr<UndoStack> undo_;
    std::set<std::string> touched_;                   // by events that are not stored yet
    std::deque<std::pair<Seq, std::string>> buried_;  // stored tombstones
    std::size_t devices_stored_ = 0;                  // of the model's table
};

}  // namespace capstan::sync
