#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/testing/device.hpp>
#include <capstan/testing/server.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>

namespace capstan::testing {

struct WorldOptions {
    /// Chooses delays, the order of what happens at once, device ids, and what a power failure
    /// leaves. The same seed and the same calls are the same run.
    std::uint64_t seed = 1;
    /// A message takes between `delay` and `delay + jitter`, each way.
    std::chrono::microseconds delay = std::chrono::milliseconds(10);
    std::chrono::microseconds jitter = std::chrono::milliseconds(10);
};

/// The seed in the environment (`CAPSTAN_TESTING_SEED`), to repeat a run; else the one given.
std::uint64_t seed_or(std::uint64_t otherwise);

/// A server, devices and a network between them, in one thread on virtual time. The server is
/// Capstan's own: journal, fold, index, sessions; devices run the SDK. Only disk, network, clocks
/// and randomness are simulated. Nothing happens but within the calls that let time pass.
///
///     World world({.seed = seed_or(7)});
///     auto& phone = world.add_device("phone");
///     auto room = phone.client().model("acme/room").value();
///     phone.partition();
///     auto write = room.mutate([](auto& m) { m.insert("Message", "1", {{"text", "hi"}}); });
///     world.run_for(std::chrono::hours(24 * 30));
///     phone.heal();
///     auto const confirmed = world.wait(write.value().confirmed);
///
/// Calls of the SDK that wait for something (`wait_for`, `future.get()`) would wait for ever here:
/// let time pass instead, by `wait` or `run_until`.
/// Threading: one thread. Lifetime: outlives the clients of its devices and what came from them.
class World {
  public:
    explicit World(WorldOptions options = {});
    ~World();
    World(World const&) = delete;
    World& operator=(World const&) = delete;

    Server& server();
    /// A device with an empty store, switched on, with a client. It lives as long as the world.
    Device& add_device(std::string name);

    /// Since the world began.
    Instant now() const;
    void run_for(Duration duration);
    /// Until this is so; false if it is not within `patience`.
    bool run_until(std::function<bool()> const& reached, Duration patience = kPatience);
    /// Until the future is ready; nothing if it is not within `patience`.
    template <class T>
    std::optional<T> wait(std::future<T>& future, Duration patience = kPatience);

    /// Nobody reaches the server any more, and nobody is told.
    void partition();
    /// Faults of the network end, and who waits to try again does so.
    void heal();
    /// Heals, starts what is down, and lets time pass until nothing is left to do: every client is
    /// live, no outbox has anything to send, and nothing moves any more. False if that takes longer
    /// than `patience`; `what_is_left` then says what is not done.
    bool settle(Duration patience = kPatience);
    /// Empty if all is done.
    std::string what_is_left() const;

    static constexpr Duration kPatience = std::chrono::minutes(3);

    struct Parts;

  private:
    std::unique_ptr<Parts> parts_;
};

template <class T>
std::optional<T> World::wait(std::future<T>& future, Duration patience) {
    auto const is_ready = [&] {
        return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    };
    return run_until(is_ready, patience) ? std::optional<T>(future.get()) : std::nullopt;
}

}  // namespace capstan::testing
