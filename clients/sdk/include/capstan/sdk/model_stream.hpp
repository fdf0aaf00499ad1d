#pragma once
#include <capstan/engine/model/changes.hpp>
#include <capstan/engine/model/query.hpp>
#include <capstan/engine/sync/mutation_builder.hpp>
#include <capstan/engine/sync/replica.hpp>
#include <capstan/sdk/client.hpp>
#include <capstan/sdk/history.hpp>
#include <cstdint>
#include <functional>
#include <future>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capstan {

using coalesce::ObjectValue;  // an object with all its fields
using sync::ConflictBase;     // what both authors of a conflict had seen
using sync::Dispute;          // what a resolver is asked about
using sync::MutationBuilder;  // says one event
using sync::MutationId;       // names a write in its store, for ever
using sync::Resolver;         // an application's decision of what is in dispute

inline constexpr auto causal = Query::Order::causal;    // what its author had seen; offline work
                                                        // stays together
inline constexpr auto arrival = Query::Order::arrival;  // as the server got it
enum class Direction : std::uint8_t { asc, desc };
inline constexpr auto asc = Direction::asc;
inline constexpr auto desc = Direction::desc;

/// An object as it was when it was read.
struct ModelObject {
    std::string id;
    ObjectValue value;

    std::string const& type() const { return value.type; }
    /// A register of this type of value; nothing if it is absent or of another one.
    template <class T>
    std::optional<T> get(std::string_view field) const;
    /// A text, as field or in a register; empty if absent.
    std::string text(std::string_view field) const;
    /// A counter, or an integer in a register; 0 if absent.
    std::int64_t number(std::string_view field) const;
};

/// What an observer hears. All may be left out.
struct ModelObserver {
    /// Inserts, updates of one field or element with old and new, removes: what is different in
    /// what the user sees. Own mutations are told at once, and not again when they are confirmed.
    std::function<void(Change const&)> on_change;
    std::function<void(Conflict const&)> on_conflict;
    /// Operations that had no effect, and why.
    std::function<void(VoidOps const&)> on_void;
    /// All that belongs together has been told: a mutation, or what a message brought.
    std::function<void()> on_settled;
};

/// A mutation that was accepted here: it is visible, and on its way.
struct PendingWrite {
    MutationId id;
    /// Where it stands in the stream, or why it was refused. Ready at once with `cancelled` if the
    /// client is closed before; what is stored then goes on with the next one.
    std::future<Result<Published>> confirmed;
};

/// What a user took back, or made again.
struct UndoneWrite {
    PendingWrite write;
    /// What stays as it is, since somebody else has written there: for telling the user.
    std::vector<UndoSkip> skipped;
};

/// How many steps there are to take back, and of those taken back to make again. Of some of them
/// nothing may be left.
struct UndoSteps {
    std::size_t back = 0;
    std::size_t forth = 0;
};

/// A conflict, as it stands now.
struct KnownConflict {
    std::uint64_t number = 0;  // in the order in which they came up, from 1
    Conflict conflict;  // who, having seen what, wrote what, and by which rule it was decided
    bool open = false;  // both sides still stand
    /// What both authors had seen there before. Nothing: see `read_base`.
    std::optional<ConflictBase> base;
};

/// A write in the outbox.
struct OutboxWrite {
    MutationId id;
    WriteState state = WriteState::queued;
    bool provisional = false;    // refused: not for good yet
    std::optional<Error> error;  // refused: why
    Seq preceding_seq;           // what its author had applied
    std::optional<Seq> expect_head;
    std::vector<Bytes> events;  // encoded: the form in which they can be kept, or published again
};

/// How a model stands.
struct ModelStatus {
    Status client = Status::offline;
    sync::ReplicaStatus model;
};

class ModelStream;

/// A question about the objects of one type. It is asked by `get`.
class ModelQuery {
  public:
    ModelQuery&& where(std::string_view field, Value value) &&;
    ModelQuery&& where(std::string_view field, Query::Test test, Value value) &&;
    ModelQuery&& order_by(Query::Order order, Direction direction = asc) &&;
    ModelQuery&& order_by(std::string_view field, Direction direction = asc) &&;
    ModelQuery&& limit(std::size_t objects) &&;
    /// Threading: any thread; waits for the runtime's.
    std::vector<ModelObject> get() const;
    std::vector<std::string> ids() const;

  private:
    friend class ModelStream;
    ModelQuery(ModelStream const& stream, std::string_view type);
    ModelStream const& stream_;
    Query query_;
};

/// A stream as a model: objects that its events make, with this device's own mutations visible at
/// once, offline or not. It stands in the client's store, follows the stream by itself, and is
/// what it was after a crash.
///
///     auto room = client.model("acme/room/42").value();
///     room.observe([](Change const& change) { … });
///     room.mutate([&](auto& m) { m.insert("Message", id, {{"text", "hi"}}); });
///     for (auto const& message : room.query("Message").order_by(causal, desc).limit(50).get()) …
///
/// Threading: any thread. Calls wait for the runtime's thread, on which observers and the functions
/// given to `mutate` run; in there, calls go through at once.
/// Lifetime: movable. Observers go with it; the model stays with its client. After the client has
/// gone, calls report `cancelled` and questions find nothing.
class ModelStream {
  public:
    ModelStream(ModelStream&&) noexcept;
    ModelStream& operator=(ModelStream&&) noexcept;
    ~ModelStream();

    StreamName const& name() const { return name_; }

    using Say = std::function<void(MutationBuilder&)>;
    /// One event: visible when this returns, with all of its operations or, after an error, none.
    /// Errors: `not_found` (no such object), `request_invalid` (another kind of field, a place out
    /// of range, an id that is there, no UTF-8), `too_large`, `overloaded` (outbox full),
    /// `storage_failed`, `cancelled`.
    Result<PendingWrite> mutate(Say const& say);
    /// The same, with each state told to `on_write`.
    Result<MutationId> mutate(Say const& say, OnWrite on_write);
    /// Takes effect only if nothing has happened in the stream since what the model shows; else it
    /// is refused as `position_conflict`, and its author looks again. `say` reads what it decides
    /// by from `view()`. Errors: as `mutate`; `not_ready`: own writes are not confirmed yet.
    Result<PendingWrite> mutate_if_unchanged(Say const& say);
    /// Takes effect only if the stream's head is this when the server decides.
    Result<PendingWrite> mutate_if(Seq expect_head, Say const& say);
    /// Makes the object what it is here, with the fewest operations. Nothing differs: no write.
    Result<std::optional<MutationId>> assign(std::string_view object, ObjectValue const& whole);

    /// From now on what is mutated through any handle on this model can be taken back: the newest
    /// `steps_max` mutations and assignments. It is this client's user's own doing that is kept,
    /// in memory: another device, and the same one after it was opened again, has its own.
    void keep_undo(std::size_t steps_max = 200);
    /// Takes back the newest step that anything is left of, and says so as an ordinary event, which
    /// is on its way like any other; offline, too. What others did stays: of a text goes what the
    /// user typed and what is still there, a value that somebody overwrote is skipped, as is one
    /// that was merged into another by a resolver or a person. A mutation that is refused is no
    /// step any more. Nothing: there is nothing to take back. Errors: as `mutate`.
    Result<std::optional<UndoneWrite>> undo();
    /// Makes again what was taken back last. The next `mutate` ends what could be made again.
    Result<std::optional<UndoneWrite>> redo();
    UndoSteps undo_steps() const;

    /// Until this handle goes. Several are called in the order in which they came.
    void observe(ModelObserver observer);
    void observe(std::function<void(Change const&)> on_change);

    std::optional<ModelObject> get(std::string_view object) const;
    ModelQuery query(std::string_view type) const { return ModelQuery(*this, type); }
    /// All that there are, whatever their type, in order of id.
    std::vector<ModelObject> objects() const;

    /// Who changed an object, when, by which rule, what lost: of all events that the model holds,
    /// read from the server once more on a connection of its own. Not on the runtime's thread.
    /// Errors: as `read_history`.
    Result<std::vector<HistoryEntry>> history(std::string_view object, Duration timeout) const;

    ModelStatus status() const;
    /// Over values and stamps of the confirmed model: equal wherever the same events were applied.
    std::uint64_t state_hash() const;
    /// The newest ones since the client was opened, oldest first.
    std::vector<KnownConflict> conflicts() const;
    /// Whether both sides of it still stand: nobody has settled it.
    bool is_open(Conflict const& conflict) const;
    /// What both authors had seen there, of however long ago, read from the stream's events as
    /// `history` does. Nothing: it is about an object as a whole. Errors: as `history`.
    Result<std::optional<ConflictBase>> read_base(Conflict const& conflict, Duration timeout) const;
    /// Until this handle goes. See `Resolver`; it runs on the runtime's thread.
    void resolve_by(Resolver resolver);
    /// Until the model holds all that the server had when the connection was made. Not on the
    /// runtime's thread. Errors: `timed_out`, `cancelled`.
    Result<> wait_caught_up(Duration timeout) const;
    /// Until the model holds 1..seq. As `wait_caught_up`.
    Result<> wait_for(Seq seq, Duration timeout) const;

    std::vector<OutboxWrite> outbox() const;
    /// Gives up a write that is refused or not under way yet. Errors: `not_found`: there is none,
    /// or it may have been sent.
    Result<> discard(MutationId write);
    /// Publishes a refused write once more, as work of now. Errors: as `mutate`.
    Result<MutationId> retry(MutationId write);

  private:
    friend class Client;
    friend class ModelQuery;
    struct Watch;
    ModelStream(StreamName name, std::weak_ptr<Shell> shell, std::shared_ptr<Runtime> runtime);
    Result<PendingWrite> mutate(Say const& say, sync::MutateOptions const& options);
    Result<MutationId> mutate(Say const& say, sync::MutateOptions const&, OnWrite on_write);
    Result<> wait_until(std::function<bool(sync::ReplicaStatus const&)> reached, Duration) const;
    template <class Call>
    auto on_replica(Call call) const;
    template <class Call>
    Result<std::optional<UndoneWrite>> take_step(Call call);

    StreamName name_;
    std::weak_ptr<Shell> shell_;
    std::shared_ptr<Runtime> runtime_;
    std::shared_ptr<Watch> watch_;  // what the loop knows of this handle
};

template <class T>
std::optional<T> ModelObject::get(std::string_view field) const {
    auto const found = value.fields.find(std::string(field));
    if (found == value.fields.end()) {
        return std::nullopt;
    }
    auto const* const reg = std::get_if<Value>(&found->second);
    auto const* const held = reg == nullptr ? nullptr : std::get_if<T>(reg);
    return held == nullptr ? std::nullopt : std::optional<T>(*held);
}

}  // namespace capstan
