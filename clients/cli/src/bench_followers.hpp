#pragma once
#include <capstan/sdk.hpp>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "remote.hpp"

namespace capstan::cli {

/// Devices that each follow one stream on a connection of their own. They see that no event is
/// missing or comes twice; the client beneath checks the hashes.
class BenchFollowers {
  public:
    /// Called for each event of each follower, on the runtime's thread.
    using OnEvent = std::function<void(DeliveredEvent const&)>;

    BenchFollowers() = default;
    BenchFollowers(BenchFollowers const&) = delete;
    BenchFollowers& operator=(BenchFollowers const&) = delete;
    /// Lets go of the connections.
    ~BenchFollowers();

    /// Subscribes so many from `from` on. Errors: as `Client::open`.
    Result<> start(Remote const& remote,
                   std::string const& stream,
                   std::uint32_t followers,
                   Seq from,
                   OnEvent on_event = {});
    /// Until all of them hold 1..last. Errors: `cancelled`, why a follower was turned down, no
    /// progress.
    Result<> wait(Remote const& remote, Seq last);
    void interrupt();

    std::uint64_t delivered() const;     // events, by all of them
    std::uint64_t event_bytes() const;   // of those
    std::uint64_t out_of_order() const;  // events that were not the next one

  private:
    struct State {
        mutable std::mutex mutex;
        std::condition_variable changed;
        OnEvent on_event;
        std::vector<Seq> held;  // by follower
        std::uint64_t delivered = 0;
        std::uint64_t event_bytes = 0;
        std::uint64_t out_of_order = 0;
        std::optional<Error> error;

        void take(std::size_t follower, Delivery const& delivery);
        void fail(Error const& why);
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();
    std::vector<Client> devices_;
};

}  // namespace capstan::cli
