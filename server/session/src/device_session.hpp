#pragma once
#include <boost/unordered/unordered_map.hpp>
#include <capstan/schema/wire.hpp>
#include <capstan/server/session/authenticator.hpp>
#include <capstan/server/session/session.hpp>
#include <capstan/snapshotter/catch_up.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "answers.hpp"
#include "out_queue.hpp"
#include "page_pace.hpp"
#include "pages.hpp"
#include "submitters.hpp"
#include "topics.hpp"

namespace capstan {

class Host;
struct StreamMoved;
struct StreamStat;

/// One stream of a Hello or a Subscribe.
struct StreamRequest {
    std::string name;
    HeldCursor held;
    bool subscribe = true;
};

/// What a Hello or a Subscribe asks for, answered a page at a time.
struct CatchUpRequest {
    std::uint64_t session = 0;  // Hello: its answer names the session
    std::vector<StreamRequest> streams;
    std::size_t next_stream = 0;
    // Hello with patterns: those that moved since a position, or all.
    bool discovers = false;
    std::optional<std::vector<StreamNumber>> changed;
    std::size_t next_changed = 0;
    std::size_t next_pattern = 0;
    std::string listed_last;
    // Where the partition stood when the answer began.
    Position position;
    Hash128 position_chain;
};

/// A range that the device misses.
struct NeedRange {
    StreamNumber stream;
    Seq next;
    Seq last;
};

/// A manifest or a chunk that is to be sent.
struct ChunkOrder {
    StreamNumber stream;
    ChunkId id;
    std::unique_ptr<fb::SnapshotT> opens;  // a manifest: what is said before it
    std::optional<Seq> fold_from;          // a folded delta from this seq instead
    std::optional<Seq> then;               // the last one of a whole snapshot: events behind this
    std::uint64_t ticket = 0;              // not 0: it is read, or was
    SharedBytes bytes;                     // nothing until it was read
    std::uint32_t sent = 0;
};

class DeviceSession final : public Session,
                            public Submitter,
                            public std::enable_shared_from_this<DeviceSession> {
  public:
    DeviceSession(Host& host, std::function<void()> wake, std::uint64_t number, Instant now);
    ~DeviceSession() override;

    // Session
    Result<> on_message(ByteView payload, Instant now) override;
    void on_alive(Instant now) override { heard_ = now; }
    bool wants_read() const override;
    bool wants_write() const override;
    Payload next_write(std::size_t bytes_max) override;
    Ending ending() const override { return ending_; }
    std::size_t queued_bytes() const override { return out_.bytes(); }
    void on_close() override;

    // Submitter
    void on_verdict(std::uint32_t slot, Verdict const& verdict) override;
    void on_turned_away(std::uint32_t slot, TurnedAway const& refusal) override;
    void end_of_batch();

    // For the host.
    DeviceId const& device() const { return device_; }
    std::uint64_t number() const { return number_; }  // ascending by when they were accepted
    std::string const& principal_text() const { return principal_text_; }
    std::vector<StreamPattern> const& patterns() const { return patterns_; }
    std::map<std::string, bool> const& waiting() const { return waiting_; }
    /// Whether its token is still good; before Hello it has none.
    bool is_entitled() const;
    bool has_in_flight() const { return in_flight_.size() != 0; }
    void end(Error const& why, Ending ending = Ending::after_writes);
    void wake() {
        if (!closed_) {
            wake_();
        }
    }
    void on_tick(Instant now);
    std::size_t place = 0;  // in the host's list
    bool wake_is_due = false;

    // Fan-out.
    bool has_room() const;
    void deliver(Subscription& subscription, EventsMessage const& events);
    void lag(Subscription& subscription);
    /// What `Host::read` had no answer for at once.
    void on_page(PageKey const& key, Result<TapePage> const& page);
    /// A stream that the session waits for, or follows by a pattern, has events behind `before`.
    void stream_appeared(StreamMoved const& moved);

  private:
    using Subscriptions = boost::unordered_map<std::uint32_t, Subscription>;
    enum class Phase : std::uint8_t {
        silent,    // it has said nothing yet
        waiting,   // it has, and this node may know less than its device has seen on others
        greeting,  // Hello comes next
        live,
    };

    bool may_take(ByteView payload);
    void hold_back(ByteView payload);
    void on_caught_up(Result<> const& caught_up);
    Result<> take(ByteView payload, Instant now);
    Result<> take_messages(ByteView payload, Instant now);
    void let_go();

    // session_messages.cpp: what the device says
    Result<> handle(Message const& message, Instant now);
    Result<> greet(fb::Hello const& hello);
    Result<> on(fb::Subscribe const& message);
    Result<> on(fb::Unsubscribe const& message);
    Result<> on(fb::Need const& message);
    Result<> on(fb::NeedChunks const& message);
    Result<> on(fb::Ack const& message);
    Result<> on(fb::Head const& message);
    Result<> on(fb::Credit const& message);

    // session_publish.cpp
    Result<> publish(fb::Publish const& message, Instant now);
    std::optional<TurnedAway> pass_on(fb::Publish const& message,
                                      RunView const& run,
                                      RunId const& id,
                                      Instant now);
    Result<std::string_view> writable_stream(fb::Publish const& message);
    void turn_away(RunId const& run, TurnedAway const& refusal, std::string_view name);
    void flush_answers();

    // session_streams.cpp: handles, cursors, Welcome
    void start(CatchUpRequest request);
    void answer_page();
    void name_found(fb::WelcomeT& welcome);
    bool is_discovering() const;
    bool discover_some(CatchUpRequest& request, fb::WelcomeT& welcome);
    bool follows(std::string_view stream) const;
    void discover(StreamStat const& stat, fb::WelcomeT& welcome);
    fb::StreamStateT enter(StreamRequest const& request);
    fb::StreamStateT await(StreamRequest const& request);
    fb::StreamStateT look(std::string_view name);
    Result<CatchUp> catch_up(StreamStat const& stat, HeldCursor const& held);
    fb::StreamStateT state_of(StreamStat const& stat, CatchUp const& way);
    Subscription* open(StreamNumber number, std::string_view name);
    Subscription* find(std::uint32_t handle);
    void want(Subscription& subscription, Seq after, Seq head);
    void rest(Subscription& subscription, Seq held);
    void leave(Subscriptions::iterator at);
    void announce_some();
    bool is_full() const;

    // session_chunks.cpp: snapshots
    void offer_snapshot(StreamStat const& stat);
    void offer_delta(StreamStat const& stat, Seq from);
    void read(ChunkOrder& order, std::string_view stream);
    ChunkOrder* find_order(std::uint64_t ticket);
    void delta_read(std::uint64_t ticket, Result<FoldedBytes> const& delta);
    void not_read(ChunkOrder const& order, Error const& why);
    void drop_chunks(StreamNumber stream);
    bool has_chunk() const;
    void read_ahead();
    void chunk_read(std::uint64_t ticket, Result<SharedBytes> const& bytes);
    bool send_chunk(std::size_t bytes_max);
    void chunk_sent(ChunkOrder order);
    void order_all(StreamNumber stream, ByteView manifest);

    // session_write.cpp
    void fill(std::size_t bytes_max);
    bool send_next(std::size_t bytes_max);
    void send_needed(std::size_t bytes_max);
    bool send_page(Subscription& subscription, std::size_t bytes_max);
    void take_page(Subscription& subscription, Result<TapePage> const& page);
    void promote(Subscription& subscription);
    void push_events(EventsMessage const& events);
    void push_written();
    void push(fb::WelcomeT const& message);
    void push(fb::HeadT const& message);
    void push(fb::NoticeT const& message);
    void notice(Error const& why, StreamNumber stream, bool closing = false);
    void wake_if_resting();
    void check_queue();

    Host& host_;
    std::function<void()> wake_;
    std::uint64_t number_;
    std::uint32_t submitter_;
    Phase phase_ = Phase::silent;
    std::vector<Bytes> held_back_;  // payloads, while waiting
    std::size_t held_back_bytes_ = 0;
    Ending ending_ = Ending::none;
    bool closed_ = false;
    bool told_full_ = false;
    bool resting_ = true;  // the shell waits for a wake
    Instant opened_;
    Instant heard_;
    std::uint64_t takes_ = 0;  // calls of next_write
    std::uint64_t takes_at_tick_ = 0;
    Instant moving_;  // when the peer last took something, to the tick

    Principal principal_;
    std::string principal_text_;
    DeviceId device_;
    std::vector<StreamPattern> patterns_;
    std::int64_t credit_ = 0;

    OutQueue out_;
    PagePace pace_;
    std::size_t given_bytes_ = 0;  // the connection's last payload
    Instant given_at_;
    bool loading_ = false;  // a page for the first of `lagging_`
    InFlight in_flight_;
    Answers answers_;
    std::vector<CatchUpRequest> requests_;
    std::vector<NeedRange> needs_;
    std::deque<ChunkOrder> chunks_;
    std::uint64_t last_ticket_ = 0;
    bool events_have_turn_ = false;        // the last page was one of events
    std::map<std::string, bool> waiting_;  // streams that don't exist yet; true: events are wanted
    Subscriptions subscriptions_;
    SubscriptionList lagging_;
    SubscriptionList appeared_;
    SubscriptionList found_;
};

}  // namespace capstan
