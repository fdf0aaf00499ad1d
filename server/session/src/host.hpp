#pragma once
#include <capstan/server/session/keyless_device.hpp>
#include <capstan/server/session/rate_limiter.hpp>
#include <capstan/server/session/session_host.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "answers.hpp"
#include "device_session.hpp"
#include "followers.hpp"
#include "pages.hpp"
#include "requests.hpp"
#include "submitters.hpp"
#include "topics.hpp"

namespace capstan {

/// A run on its way to the partition.
struct Order {
    std::string_view principal;
    DeviceId const& device;
    std::string_view stream;  // that the principal may write to
    Generation generation;
    std::optional<Seq> expect_head;
    RunView const& run;
    std::optional<WallTime> gateway_time = {};  // of an import; else it is now
};

class Host final : public SessionHost {
  public:
    Host(SessionOptions const& options, SessionSeams const& seams);
    ~Host() override;
    Host(Host const&) = delete;
    Host& operator=(Host const&) = delete;

    // SessionHost
    void attach(Partition& partition) override { partition_ = &partition; }
    void offer(SnapshotSource& snapshots) override { snapshots_ = &snapshots; }
    std::shared_ptr<Session> accept(std::function<void()> wake, Instant now) override;
    void on_tick(Instant now) override;
    void drain() override;
    void set_options(SessionOptions const& options) override;
    void check_principals() override;
    bool is_idle() const override { return sessions_.empty() && submitters_.due() == 0; }
    void publish(SinglePublish const& publish, Instant now, OnAnswer done) override;
    void append(KeylessAppend const& append, OnAnswer done) override;
    void submit(Bytes record, OnVerdict done) override {
        records_.submit(std::move(record), std::move(done));
    }
    std::uint64_t watch(std::string_view stream, std::function<void()> moved) override;
    void unwatch(std::uint64_t watch) override;
    std::size_t session_count() const override { return sessions_.size(); }
    SessionCounters const& counters() const override { return counters_; }

    // PartitionListener
    void on_folded(std::span<Folded const> batch) override;
    void on_turned_away(std::span<std::uint64_t const> tokens, Error const& why) override;
    void on_moved(StreamMoved const& moved) override;
    void on_stopped(Error const& why) override;

    // For its sessions.
    SessionOptions const& options() const { return options_; }
    SessionSeams const& seams() const { return seams_; }
    SessionCounters& count() { return counters_; }
    void count(fb::Outcome outcome) {
        counters_.runs_by_outcome[static_cast<std::size_t>(outcome)] += 1;
    }
    Partition* partition() { return partition_; }
    SnapshotSource* snapshots() { return snapshots_; }  // may be nothing
    Submitters& submitters() { return submitters_; }
    Topics& topics() { return topics_; }
    Followers& followers() { return followers_; }
    MessageWriter& writer() { return writer_; }
    JoinedMessages& joined() { return joined_; }
    std::uint64_t event_bytes() const { return event_bytes_; }
    /// The answer will come to `id` with `slot`, unless this fails.
    Result<> submit_record(Bytes record, std::uint32_t id, std::uint32_t slot);
    /// Nothing: the answer will come to `id` with `slot`.
    std::optional<TurnedAway> submit(Order const& order,
                                     std::uint32_t id,
                                     std::uint32_t slot,
                                     Instant now);
    /// Events from `from` on, for a session. Nothing: they are being read, and the session hears
    /// them from `on_page`.
    std::optional<Result<TapePage>> read(PageKey const& key,
                                         std::size_t bytes_max,
                                         DeviceSession& session);
    /// From `from` on, but no run behind the one that holds `last`. Nothing above the head.
    Result<std::optional<EventsMessage>> read_range(StreamNumber stream,
                                                    Seq from,
                                                    Seq last,
                                                    std::size_t bytes_max);
    /// Errors: `not_ready`, `storage_failed`: no new sessions, no new runs.
    Result<> check_ready() const;
    TurnedAway turn_away(Error why) const;

    /// Ends an older connection of the same device and principal.
    /// Errors: `replaced` (a newer connection has it).
    Result<> claim(DeviceSession& session);
    /// The session hears when a stream of this name appears.
    void wait_for(std::string const& stream, DeviceSession& session);
    void stop_waiting(std::string const& stream, DeviceSession& session);
    /// Calls its `wake` soon, from a task of its own.
    void wake_soon(DeviceSession& session);
    /// A message came in, on any session.
    void heard() { messages_heard_ += 1; }
    /// It has answers that belong into one message.
    void has_answers(DeviceSession& session) { answered_.push_back(&session); }
    /// It is ending: whoever knows it forgets it, but for the list of sessions.
    void forget(DeviceSession& session);
    void closed(DeviceSession& session);

  private:
    using DeviceKey = std::pair<std::string, DeviceId>;              // principal, device
    using Watches = std::map<std::uint64_t, std::function<void()>>;  // by id

    std::optional<Duration> rate_wait(Order const& order, Instant now);
    void wake_when_heard();
    void wake_some();
    void send_answers();
    void end_drained();
    void note_sizes(StreamMoved const& moved);
    void greet_waiting(StreamMoved const& moved);
    void call_watches(std::string_view stream);
    void fan_out(Topic& topic, StreamMoved const& moved);
    void load(PageKey const& key, FoundPage found, DeviceSession& session);
    void on_loaded(PageKey const& key, Result<Page> page);
    Result<TapePage> tape_page(PageKey const& key, Result<Page> page);
    KeylessDesk& desk_of(Principal const& principal);

    SessionOptions options_;
    SessionSeams seams_;
    Partition* partition_ = nullptr;
    SnapshotSource* snapshots_ = nullptr;
    std::optional<Error> stopped_;
    bool draining_ = false;
    std::uint64_t last_session_ = 0;
    std::uint64_t last_watch_ = 0;
    std::uint64_t event_bytes_ = 200;  // mean of what moved lately
    SessionCounters counters_;
    MessageWriter writer_;
    JoinedMessages joined_;
    RateLimiter rates_;
    Submitters submitters_;
    Topics topics_;
    Followers followers_;
    PageCache pages_;
    std::map<PageKey, std::vector<std::weak_ptr<DeviceSession>>> loads_;  // and who waits for them
    std::vector<DeviceSession*> sessions_;
    std::map<DeviceKey, DeviceSession*> by_device_;
    std::map<std::string, std::vector<DeviceSession*>, std::less<>> waiting_;
    std::map<std::string, Watches, std::less<>> watches_;
    std::unordered_map<std::uint64_t, decltype(watches_)::iterator> watched_;  // by id
    std::vector<DeviceSession*> answered_;                                     // in this batch
    std::deque<std::shared_ptr<DeviceSession>> woken_;  // soon, in this order
    /// Before a crowd is written to.
    struct Hearing {
        std::uint64_t messages = 0;  // heard by the last turn
        std::size_t quiet_turns = 0;
        std::size_t turns = 0;
    };
    std::uint64_t messages_heard_ = 0;
    Hearing hearing_;
    SinglePublishes singles_;
    RecordSubmits records_;
    std::map<std::string, std::unique_ptr<KeylessDesk>> desks_;
};

}  // namespace capstan
