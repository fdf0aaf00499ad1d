#pragma once
#include <capstan/engine/os/system_random.hpp>
#include <capstan/sdk.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bench_events.hpp"
#include "bench_figures.hpp"
#include "remote.hpp"

namespace capstan::cli {

/// How events are published.
struct PublishPlan {
    std::vector<std::string> streams;  // one is drawn for each publish
    std::uint64_t events = 0;
    std::uint32_t connections = 1;
    std::uint32_t in_flight = 1;  // publishes of one connection
    std::uint32_t batch = 1;      // events of a publish

    std::uint64_t publishes() const { return (events + batch - 1) / batch; }
};

/// A closed loop of publishes by some devices; events are numbered in the order of publishing.
/// Publishing happens on the runtime's thread: each confirmation sends the next publish.
class BenchPublisher : public std::enable_shared_from_this<BenchPublisher> {
  public:
    /// Where a publish landed. Seq 0 where the server could not tell any more.
    struct Place {
        std::size_t stream = 0;  // index into the plan's
        Seq first;
    };

    /// Connects the devices, and returns when all of them are. Errors: those of the server.
    static Result<std::shared_ptr<BenchPublisher>> connect(Remote const& remote,
                                                           PublishPlan plan,
                                                           BenchEvents const& events);

    /// Publishes all of the plan. Errors: why a publish was refused; `cancelled`; no progress.
    Result<> run(Remote const& remote);
    /// Any thread; also while nothing runs.
    void interrupt();

    double seconds() const { return seconds_; }
    // When nothing runs:
    Latencies const& latencies() const { return latencies_; }
    std::vector<Place> const& places() const { return places_; }
    PublishPlan const& plan() const { return plan_; }
    /// When the event was published. Any thread.
    std::chrono::steady_clock::time_point published_at(std::uint64_t event) const;

  private:
    using WallClock = std::chrono::steady_clock;

    BenchPublisher(PublishPlan plan, BenchEvents events);
    void publish_next(std::size_t device);
    void on_write(std::size_t device, std::uint64_t publish, WriteUpdate const& update);
    std::vector<Bytes> events_of(std::uint64_t publish) const;

    PublishPlan const plan_;
    BenchEvents const events_;
    std::vector<std::vector<Stream>> streams_;  // by device
    std::vector<Client> devices_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    SystemRandom random_;
    std::uint64_t next_ = 0;       // publish; <= plan_.publishes()
    std::uint64_t confirmed_ = 0;  // <= next_
    std::optional<Error> error_;
    std::vector<Place> places_;                        // by publish
    std::vector<WallClock::time_point> published_at_;  // by publish
    Latencies latencies_;
    double seconds_ = 0;
};

}  // namespace capstan::cli
