#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/engine/runtime/executor.hpp>
#include <capstan/engine/sim/sim_network.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/server/session/session_host.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace capstan {

struct SimDoorOptions {
    std::size_t write_bytes = 262'144;   // of one message to a device, about
    std::size_t window_bytes = 262'144;  // on their way to a device
    Duration tick = std::chrono::seconds(1);
};

/// Looks on. All may be left out.
struct SimDoorHooks {
    /// A message of a device, before its session gets it; and what the session said to it.
    std::function<void(SimCircuit const&, ByteView message)> on_message;
    std::function<void(SimCircuit const&, Result<> const&)> on_taken;
    /// What seldom happens.
    std::function<void(std::string_view what)> mark;
};

/// The door of a server in a simulated network: a session for each circuit, what listener and
/// WebSocket connections are on sockets. Its host ticks while someone is there, so that weeks of
/// silence cost nothing.
/// Threading: `take` on the network's lane, the rest on `strand`. Lifetime: host, clock and strand
/// outlive it; destroying it ends the process that it belongs to, without a word to anyone.
class SimDoor {
  public:
    SimDoor(SessionHost& host,
            Clock& clock,
            Executor& strand,
            SimDoorOptions options,
            SimDoorHooks hooks);
    ~SimDoor();

    SimCircuitEnd* take(std::shared_ptr<SimCircuit> circuit);

  private:
    class End;
    void tick_soon();

    SessionHost& host_;
    Clock& clock_;
    Executor& strand_;
    SimDoorOptions options_;
    SimDoorHooks hooks_;
    std::vector<std::unique_ptr<End>> ends_;
    std::unique_ptr<Timer> tick_;
};

}  // namespace capstan
