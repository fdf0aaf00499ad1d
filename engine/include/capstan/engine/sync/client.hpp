#pragma once
#include <capstan/engine/runtime/random.hpp>
#include <capstan/engine/sync/answer.hpp>
#include <capstan/engine/sync/backoff.hpp>
#include <capstan/engine/sync/effects.hpp>
#include <capstan/engine/sync/identity.hpp>
#include <capstan/engine/sync/outbox.hpp>
#include <capstan/engine/sync/retry_budget.hpp>
#include <capstan/engine/sync/session.hpp>
#include <capstan/engine/sync/store.hpp>
#include <capstan/engine/sync/subscription.hpp>
#include <chrono>
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

struct ClientOptions {
    std::string token;
    std::string agent;                              // for the server's log: `capstan-cpp/0.1`
    std::uint32_t credit_bytes = 4 * 1'048'576;     // of runs delivered and not consumed
    std::size_t outbox_bytes_max = 64 * 1'048'576;  // of events not confirmed; then `overloaded`
    std::size_t flight_bytes_max = 2 * 1'048'576;   // of runs sent and not answered
    /// What the policies of a stream say of fields of an object, for writes that coalesce; none:
    /// the defaults. Called within `take`.
    std::function<coalesce::CoalesceRules(
        std::string_view stream, std::string_view object, std::string_view field)>
        coalesce_rules;
    /// Without it no stream is read from a snapshot.
    ChunkCodec chunks;
    Duration connect_timeout = std::chrono::seconds(10);
    Duration welcome_timeout = std::chrono::seconds(20);
    Duration answer_timeout =
        std::chrono::seconds(30);                     // of a run; then the connection is made anew
    Duration silence_max = std::chrono::seconds(40);  // nothing heard: ask for a sign of life
    Duration silence_grace = std::chrono::seconds(10);  // none came: the connection is dead
    Duration gap_timeout = std::chrono::seconds(10);    // what `Need` asked for; then ask anew
    Duration load_timeout = std::chrono::seconds(30);   // nothing of a snapshot came; then ask anew
    Duration ack_delay = std::chrono::seconds(1);       // acks of that long travel together
};

/// A device's side of the protocol: what to say when, what to keep, what to tell the application.
/// It has no socket, no disk, no clock and no thread; a shell has. Use:
///
///     auto client = Client::open(options, records, random);
///     client->start(now);          // and any other calls of the application and of the shell
///     carry_out(client->take(now)) // after each call, or once after several
///
/// Uploads and downloads are independent: a run that is refused or stuck stops neither events nor
/// the runs of other streams. Errors of the server and of the store are effects; errors of the
/// application are results.
///
/// Threading: one thread at a time. Lifetime: `random` outlives it. Source: docs/protocol.md.
class Client {
  public:
    /// `records` is the whole store; none at all: a new device. A new device's id is written with
    /// its first write. Errors: as `load`.
    static Result<std::unique_ptr<Client>> open(ClientOptions options,
                                                std::span<StoredRecord const> records,
                                                Random& random);

    // The application.

    void start(Instant now);
    /// Final. What is in the outbox stays in the store.
    void stop(Instant now);
    /// Tries again at once, where it would wait.
    void retry(Instant now);
    /// Used from the next connection on, which is made at once if the last one was refused.
    void set_token(std::string token, Instant now);

    /// The events stay together and reach the stream once, behind all earlier calls of this device,
    /// or are reported refused as a whole. Durability: from `stored` on.
    /// Errors: as Outbox::publish; `overloaded` (outbox full), `storage_failed`, `cancelled`
    /// (stopped).
    Result<MutationId> publish(StreamName const& stream,
                               std::vector<Bytes> events,
                               PublishOptions const& options = {});
    /// The application has dealt with a write that was refused for good; until then it is told
    /// again whenever the store is opened, and counts against the outbox. What it publishes instead
    /// in the same breath, before `take`, is part of the same transaction. False: there is none.
    bool discard(StreamName const& stream, MutationId mutation);
    /// Takes a write back that is not under way: it moves to `refused` for this reason. False:
    /// there is none, or it may have been sent.
    bool withdraw(StreamName const& stream, MutationId mutation, Error const& why);
    /// As Outbox::revise, made where the stream's reader stands.
    void revise(StreamName const& stream, std::vector<Outbox::Revision> revisions);
    /// From now on the stream's writes behind one that was refused for good wait until their author
    /// has looked at them: until `reviewed`. `review` is called within `take`, before anything is
    /// given out, so that a refusal and what comes of it are one transaction; each time again,
    /// until then. Nothing: there is no such author any more.
    void review_refusals(StreamName const& stream, std::function<void()> review);
    void reviewed(StreamName const& stream);
    /// The application could make nothing of a snapshot that arrived: it is reported, and the
    /// stream read on by its events from where the application is.
    void refuse_snapshot(StreamName const& stream, Error why);
    ChunkCodec const& chunk_codec() const { return options_.chunks; }
    /// Records of the application's own that belong to the transaction that `take` gives next: a
    /// model beside its cursor. Keys as store.hpp has them.
    void keep(std::vector<Write> records);
    /// Subscribing again begins anew.
    void subscribe(StreamName const& stream, ReadFrom from = {});
    void unsubscribe(StreamName const& stream);
    /// The application has what was delivered up to here; its cursor is part of the transaction
    /// that `take` gives next. The server may send more in exchange. Errors: `request_invalid`.
    Result<> consumed(StreamName const& stream, Seq seq);

    // The shell. Calls for another connection than the present one are ignored.

    void on_opened(std::uint64_t connection, Instant now);
    void on_message(std::uint64_t connection, ByteView message, Instant now);
    /// A sign of life that is no message, such as a WebSocket ping.
    void on_heard(std::uint64_t connection, Instant now);
    /// Also when a connection could not be made.
    void on_closed(std::uint64_t connection, Error const& why, Instant now);
    /// A transaction failed. The client stops; a new one may open the store.
    void on_store_failed(Error const& why, Instant now);
    void tick(Instant now);
    Effects take(Instant now);

    // For people and tests.

    SessionState state() const { return state_; }
    Status status() const;
    DeviceId const& device() const { return identity_.device(); }
    TransitionLog const& transitions() const { return log_; }
    Outbox const* outbox(std::string_view stream) const;
    Subscription const* subscription(std::string_view stream) const;
    void check_invariants() const;

  private:
    struct Stream {
        Stream(std::string stream_name, Outbox stream_outbox)
            : name(std::move(stream_name)), outbox(std::move(stream_outbox)) {}
        std::string name;
        StreamNumber handle;  // of the present connection; 0 while unknown
        Outbox outbox;
        std::optional<Subscription> reader;
        std::optional<StoredCursor> stored;  // where the application was
        Backoff read_backoff;                // while the server cannot read it
        std::uint32_t asks = 0;  // that name it and have no answer: only the last one's counts
        bool queued = false;     // in `ready_`
        std::function<void()> review;   // of refused writes, by their author
        std::size_t counted_bytes = 0;  // in `outbox_bytes_`
    };
    struct Inbox;  // client_inbox.cpp

    Client(ClientOptions options, StoreImage image, Random& random);
    Stream& stream_named(std::string const& name);
    Stream& add_stream(std::string const& name, Outbox outbox);
    Stream* find(std::string_view name);
    Stream* find(StreamNumber handle);
    void count(Stream& stream);    // its outbox has changed
    void touch(Stream& stream);    // its outbox may have something to send or to write
    void look_at(Stream& stream);  // its reader has moved

    // client.cpp: the session
    bool connected() const;
    bool step(SessionInput input, Instant now, std::optional<Error> const& why = {});
    void disconnect(SessionInput input, Instant now, Error const& why);
    void report(Error error, std::string stream = {});

    // client_inbox.cpp: what the server says
    void heed(Insight insight, Stream& stream, Instant now);
    void read_again_later(Stream& stream, Instant now);

    // client_pump.cpp: what is to be done now
    void pump(Instant now);
    void finish_recovery(Instant now);
    void review();
    std::vector<Stream*> freeze(Instant now);
    void save();
    void say_hello();
    void send_asks(Instant now);
    void send_runs(std::vector<Stream*> const& chosen, Instant now);
    bool may_load(Stream const& stream) const;
    void send_needs();
    void send_acks(Instant now);
    void send_credit();
    void send_probe(Instant now);
    void send(Bytes message);
    void set_wake_up();
    void say_status();

    ClientOptions options_;
    Random& random_;
    Identity identity_;
    FlightWindow window_;
    RetryBudget budget_;
    Backoff backoff_;
    TransitionLog log_;
    Effects effects_;  // since the last `take`

    SessionState state_ = SessionState::idle;
    std::uint64_t connection_ = 0;  // the present or the last one
    std::optional<Instant> deadline_;
    Duration retry_after_{};  // what the server asked for when it closed
    std::optional<Instant> greeted_at_;
    bool got_on_ = false;  // this connection brought something that need not come again
    Instant heard_at_;
    bool probed_ = false;
    std::optional<Instant> sweep_at_;  // when to look for runs without an answer
    std::size_t asks_under_way_ = 0;   // Subscribes without their Welcome
    Instant asked_at_;                 // the latest sign that they are being answered
    bool outdated_ = false;            // found out while being greeted
    std::uint16_t refusal_ = 0;        // state refused: why
    std::optional<Error> why_;         // of the last transition, where there is a reason
    Status said_ = Status::offline;

    std::map<std::string, Stream, std::less<>> streams_;
    std::map<StreamNumber, Stream*> handles_;
    std::set<std::string> busy_;                 // outboxes that are not idle
    std::set<std::string> touched_;              // outboxes and cursors that may have changed
    std::set<std::string> in_review_;            // outboxes whose author has to look
    std::deque<std::string> ready_;              // outboxes that may have something to send
    std::map<std::string, Instant> held_;        // outboxes that wait for a moment
    std::map<std::string, Instant> read_again_;  // readers that were interrupted
    std::set<std::string> to_ask_;               // streams whose state is wanted
    std::set<std::string> behind_;               // readers that have not caught up
    std::set<std::string> gaps_;                 // readers with a gap
    std::set<std::string> loading_;              // readers that load a snapshot
    std::set<std::string> acks_;                 // readers whose progress the server does not know
    std::optional<Instant> acks_at_;
    std::vector<StreamNumber> unsubscribed_;
    std::uint64_t credit_ = 0;          // to be granted
    std::optional<Instant> budget_at_;  // when the retry budget may have something
    std::size_t outbox_bytes_ = 0;
};

}  // namespace capstan::sync
