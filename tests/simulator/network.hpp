// Connections as TCP and WebSocket give them: whole messages, in order, late, held up or cut off,
// and two ends that need not agree about whether the connection is there.
#pragma once
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
#include <optional>
#include <variant>
#include <vector>

#include "plan.hpp"
#include "trace.hpp"

namespace capstan::simulator {

class Circuit;
class SimNetwork;

/// One message on its way, or one of what keeps a connection going.
struct Packet {
    enum class Kind : std::uint8_t { open, opened, data, ping, pong, finish, reset };
    Kind kind = Kind::data;
    Bytes bytes{};
};

/// One end's side of a circuit; told from the circuit's lane.
class CircuitEnd {
  public:
    virtual ~CircuitEnd() = default;
    virtual void on_packet(Packet packet) = 0;
    /// The other end has taken something: there is room on the way.
    virtual void on_room() {}
};

/// The server's side of the network: takes circuits while its process lives.
class CircuitTaker {
  public:
    virtual ~CircuitTaker() = default;
    /// Nothing: the process is not there.
    virtual CircuitEnd* take(std::shared_ptr<Circuit> circuit) = 0;
    /// Without power nothing is answered, not even by a reset.
    virtual bool has_power() const = 0;
};

/// A connection between a device and the server, as the wire sees it.
class Circuit : public std::enable_shared_from_this<Circuit> {
  public:
    enum class Way : std::uint8_t { up, down };

    Circuit(SimNetwork& network, std::uint64_t device, CircuitEnd& device_end);

    std::uint64_t device() const { return device_; }
    void send(Way way, Packet packet);
    std::size_t bytes_under_way(Way way) const { return lane(way).bytes; }
    /// The end is gone: what arrives there is answered by a reset while there is power.
    void leave(Way towards);
    /// Both ends are told that the connection is gone.
    void reset();
    bool is_dead() const { return lane(Way::up).end == nullptr && lane(Way::down).end == nullptr; }

  private:
    friend class SimNetwork;
    struct Lane {
        std::deque<std::pair<Instant, Packet>> packets;  // ascending
        std::size_t bytes = 0;
        CircuitEnd* end = nullptr;
        std::unique_ptr<Timer> timer;
    };
    Lane& lane(Way way) { return lanes_[static_cast<std::size_t>(way)]; }
    Lane const& lane(Way way) const { return lanes_[static_cast<std::size_t>(way)]; }
    void run(Way way);
    void deliver(Way way, Packet packet);
    void bounce(Way way);

    SimNetwork& network_;
    std::uint64_t device_;
    bool asked_ = false;  // the server has heard of it
    Lane lanes_[2];       // `end` is who takes what the lane brings
};

/// All connections and what is wrong with them. Threading: one thread. Outlives all ends.
class SimNetwork {
  public:
    SimNetwork(SimSchedule& schedule,
               SimClock& clock,
               Knobs const& knobs,
               std::uint64_t devices,
               SimRandom const& root,
               Trace& trace);

    void set_server(CircuitTaker* server) { server_ = server; }
    void set_device_power(std::uint64_t device, bool on);

    void cut(std::uint64_t device, bool up, bool down, Duration lasting);
    void lag(std::uint64_t device, Duration more, Duration lasting);
    void stall(std::uint64_t device, Duration lasting);
    void reset(std::uint64_t device);
    /// What is on its way between the old server and anyone is gone, and everyone is told.
    void reset_all();
    /// All faults end.
    void heal();

    std::shared_ptr<Circuit> connect(std::uint64_t device, CircuitEnd& device_end);

  private:
    friend class Circuit;
    struct Place {
        SimRandom random;
        Instant cut_until[2];  // by way
        Instant lag_until;
        Instant stalled_until;
        Duration more{};
        bool power = true;
    };
    Duration delay(std::uint64_t device);
    /// When something may arrive on this way: now, or later.
    Instant passable(std::uint64_t device, Circuit::Way way) const;
    void forget_dead();

    SimExecutor lane_;
    SimClock& clock_;
    Knobs const& knobs_;
    Trace& trace_;
    std::vector<Place> places_;
    std::vector<std::shared_ptr<Circuit>> circuits_;
    CircuitTaker* server_ = nullptr;
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

}  // namespace capstan::simulator
