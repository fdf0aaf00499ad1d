// Connections as TCP and WebSocket give them: whole messages, in order, late, held up or cut off,
// and two ends that need not agree about whether the connection is there.
#pragma once
#include <array>
#include <capstan/engine/runtime/executor.hpp>
#include <capstan/engine/runtime/transport.hpp>
#include <capstan/engine/sim/sim_executor.hpp>
#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/schema/bytes.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace capstan {

class SimCircuit;
class SimNetwork;

/// One message on its way, or one of what keeps a connection going.
struct SimPacket {
    enum class Kind : std::uint8_t { open, opened, data, ping, pong, finish, reset };
    Kind kind = Kind::data;
    Bytes bytes{};
};

/// One end's side of a circuit; told from the circuit's lane.
class SimCircuitEnd {
  public:
    virtual ~SimCircuitEnd() = default;
    virtual void on_packet(SimPacket packet) = 0;
    /// The other end has taken something: there is room on the way.
    virtual void on_room() {}
};

/// The server's side of the network: takes circuits while its process lives.
class SimCircuitTaker {
  public:
    virtual ~SimCircuitTaker() = default;
    /// Nothing: the process is not there.
    virtual SimCircuitEnd* take(std::shared_ptr<SimCircuit> circuit) = 0;
    /// Without power nothing is answered, not even by a reset.
    virtual bool has_power() const = 0;
};

/// A connection between a device and the server, as the wire sees it. Shared by its ends and what
/// is under way on it. Threading: one thread.
class SimCircuit : public std::enable_shared_from_this<SimCircuit> {
  public:
    enum class Way : std::uint8_t { up, down };

    SimCircuit(SimNetwork& network, std::uint64_t device, SimCircuitEnd& device_end);

    std::uint64_t device() const { return device_; }
    void send(Way way, SimPacket packet);
    std::size_t bytes_under_way(Way way) const { return lane(way).bytes; }
    /// The end is gone: what arrives there is answered by a reset while there is power.
    void leave(Way towards);
    /// Both ends are told that the connection is gone.
    void reset();
    bool device_has_power() const;
    bool is_dead() const { return lane(Way::up).end == nullptr && lane(Way::down).end == nullptr; }

  private:
    friend class SimNetwork;
    struct Lane {
        std::deque<std::pair<Instant, SimPacket>> packets;  // ascending
        std::size_t bytes = 0;
        SimCircuitEnd* end = nullptr;
        std::unique_ptr<Timer> timer;
    };
    Lane& lane(Way way) { return lanes_[static_cast<std::size_t>(way)]; }
    Lane const& lane(Way way) const { return lanes_[static_cast<std::size_t>(way)]; }
    void run(Way way);
    void go_on();
    void deliver(Way way, SimPacket packet);
    void bounce(Way way);

    SimNetwork& network_;
    std::uint64_t device_;
    bool asked_ = false;           // the server has heard of it
    std::array<Lane, 2> lanes_{};  // `end` is who takes what the lane brings
};

/// How long a message takes: between `delay_us` and `delay_us + jitter_us`, drawn for each.
struct SimPace {
    std::uint64_t delay_us = 10'000;
    std::uint64_t jitter_us = 10'000;
};

/// All connections between devices and a server, and what is wrong with them. Devices are numbered
/// from 0. Threading: one thread. Lifetime: outlives all ends; the schedule, the clock and what
/// `mark` refers to outlive it.
class SimNetwork {
  public:
    /// `mark` hears of what seldom happens; it may be empty.
    SimNetwork(SimSchedule& schedule,
               SimClock& clock,
               SimPace pace,
               SimRandom const& root,
               std::function<void(std::string_view)> mark);

    /// One more device; its number.
    std::uint64_t add_device();
    void set_server(SimCircuitTaker* server) { server_ = server; }
    void set_device_power(std::uint64_t device, bool on);

    /// Nothing passes on these ways for so long; what is sent meanwhile comes late.
    void cut(std::uint64_t device, bool up, bool down, Duration lasting);
    /// Each message takes so much longer.
    void lag(std::uint64_t device, Duration more, Duration lasting);
    /// The device takes nothing from its connections.
    void stall(std::uint64_t device, Duration lasting);
    /// Its connections are gone, and both ends learn it.
    void reset(std::uint64_t device);
    /// What is on its way between the old server and anyone is gone, and everyone is told.
    void reset_all();
    /// All faults end: of one device, of all.
    void heal(std::uint64_t device);
    void heal();

    std::shared_ptr<SimCircuit> connect(std::uint64_t device, SimCircuitEnd& device_end);

  private:
    friend class SimCircuit;
    struct Place {
        SimRandom random;
        std::array<Instant, 2> cut_until{};  // by way
        Instant lag_until;
        Instant stalled_until;
        Duration more{};
        bool power = true;
        void heal();
    };
    Duration delay(std::uint64_t device);
    /// When something may arrive on this way: now, or later.
    Instant passable(std::uint64_t device, SimCircuit::Way way) const;
    void forget_dead();

    SimExecutor lane_;
    SimClock& clock_;
    SimPace pace_;
    SimRandom root_;
    std::function<void(std::string_view)> mark_;
    std::vector<Place> places_;
    std::vector<std::shared_ptr<SimCircuit>> circuits_;
    SimCircuitTaker* server_ = nullptr;
};

/// A device's way into the network. Lives as long as its process. `loop` is the device's.
class SimTransport final : public Transport {
  public:
    SimTransport(SimNetwork& network, Executor& loop, std::uint64_t device)
        : network_(network), loop_(loop), device_(device) {}
    std::unique_ptr<Connection> open(std::string_view url, ConnectionEvents& events) override;

  private:
    SimNetwork& network_;
    Executor& loop_;
    std::uint64_t device_;
};

}  // namespace capstan
