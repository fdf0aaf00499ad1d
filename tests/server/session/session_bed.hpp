// A session host on a fake partition and virtual time, with peers on its connections.
#pragma once

#include <capstan/engine/runtime/executor.hpp>
#include <capstan/engine/sim/sim_clock.hpp>
#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/schema/wire.hpp>
#include <capstan/server/session/session_host.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fake_partition.hpp"

namespace capstan::test {

/// Runs tasks when told to, in the order of posting.
class QueueExecutor final : public Executor {
  public:
    void post(Task task) override { tasks_.push_back(std::move(task)); }
    [[nodiscard]] std::unique_ptr<Timer> after(Duration, Task) override { return nullptr; }
    void run() {
        while (!tasks_.empty()) {
            auto task = std::move(tasks_.front());
            tasks_.pop_front();
            task();
        }
    }

  private:
    std::deque<Task> tasks_;
};

/// Tokens `tenant/subject`, with ` r=PATTERN` or ` w=PATTERN` to allow only that; `*/x` for all
/// tenants.
class TextAuthenticator final : public Authenticator {
  public:
    Result<Principal> authenticate(std::string_view token) override;
    bool still_stands(Principal const& principal) const override {
        return principal.subject != withdrawn;
    }

    std::string withdrawn;  // a subject
};

DeviceId device_named(std::string_view name);
Bytes event_named(std::string_view text);

/// The world around a host. What kind of partition, and when a batch is durable, is the derived
/// bed's.
class SessionBed {
  public:
    virtual ~SessionBed() = default;
    virtual Partition& partition() = 0;
    /// Runs tasks of the strand that are due.
    virtual void run() = 0;
    /// Makes what is queued durable, at most so many submissions, and runs what follows from it.
    virtual void flush(std::size_t submissions_max = ~std::size_t{0}) = 0;

    SimClock clock;
    SimRandom random;
    TextAuthenticator authenticator;
    std::unique_ptr<Executor> strand;
    std::unique_ptr<SessionHost> host;

    /// One connection. It takes all that it is given at each wake, unless it is told to wait.
    class Peer {
      public:
        Peer(SessionBed& bed, std::function<void(ByteView)> on_payload);
        ~Peer() { close(); }
        Peer(Peer const&) = delete;
        Peer& operator=(Peer const&) = delete;

        Result<> send(ByteView payload);
        template <class Object>
        Result<> send(Object const& message) {
            MessageWriter writer;
            writer.add(message);
            return send(writer.payload());
        }
        /// Takes at most so many payloads.
        void take(std::size_t payloads_max = ~std::size_t{0}, std::size_t bytes_max = 65'536);
        void close();
        Session& session() { return *session_; }
        bool open() const { return !closed_; }

        bool waits = false;
        std::size_t wakes = 0;

      private:
        SessionBed& bed_;
        std::function<void(ByteView)> on_payload_;
        std::shared_ptr<Session> session_;
        bool closed_ = false;
    };

    std::unique_ptr<Peer> connect(std::function<void(ByteView)> on_payload) {
        return std::make_unique<Peer>(*this, std::move(on_payload));
    }

  protected:
    explicit SessionBed(std::uint64_t seed) : random(seed) {}
    void make_host(SessionOptions const& options, std::unique_ptr<Executor> executor);
};

/// With the fake partition.
class FakeBed final : public SessionBed {
  public:
    explicit FakeBed(SessionOptions const& options = {}, std::uint64_t seed = 1);
    FakePartition& partition() override { return *partition_; }
    void run() override { queue_->run(); }
    void flush(std::size_t submissions_max = ~std::size_t{0}) override;

  private:
    QueueExecutor* queue_;
    std::unique_ptr<FakePartition> partition_;
};

/// Calls `visit` with each message of a payload. Fails the test if it doesn't decode.
template <class Visit>
void each_message(ByteView payload, Visit&& visit) {
    MessageReader reader(payload);
    for (auto next = reader.next();; next = reader.next()) {
        CAPSTAN_INVARIANT(next.has_value());
        if (!next.value()) {
            return;
        }
        std::visit(visit, *next.value());
    }
}

/// Of `acme/NAME`'s device of that name.
fb::HelloT hello_of(std::string const& name, std::uint32_t credit = 1'000'000);
void add_stream(fb::HelloT& hello, std::string const& stream);
/// Appends one event to each of the streams and makes them durable.
void append(FakeBed& bed, std::vector<std::string> const& streams, std::string const& event = "x");
std::vector<std::string> numbered(std::string const& prefix, std::size_t count);

/// A run that follows `after`.
Bytes run_of(Attempt attempt, Link after, Seq p, std::vector<std::string> const& events);

}  // namespace capstan::test
