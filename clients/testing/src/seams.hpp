// What a world's machines stand on, and what they are made of.
#pragma once
#include <capstan/engine/sim/sim_clock.hpp>
#include <capstan/engine/sim/sim_executor.hpp>
#include <capstan/engine/sim/sim_network.hpp>
#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/testing/device.hpp>
#include <capstan/testing/server.hpp>
#include <memory>
#include <string>

namespace capstan::testing {

/// All outlive the machines.
struct Seams {
    SimSchedule& schedule;
    SimClock& clock;
    SimRandom const& root;
    SimNetwork& network;
};

std::unique_ptr<Device> make_device(Seams const& seams, std::string name);
std::unique_ptr<Server::Parts> make_server(Seams const& seams);

}  // namespace capstan::testing
