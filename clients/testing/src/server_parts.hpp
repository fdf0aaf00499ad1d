#pragma once
#include <capstan/engine/sim/sim_storage.hpp>
#include <capstan/sequencer/memory_checkpoint_store.hpp>
#include <capstan/sequencer/partition.hpp>
#include <capstan/testing/server.hpp>
#include <memory>
#include <optional>
#include <string_view>

#include "seams.hpp"

namespace capstan::testing {

/// The server's machine: a disk, and the process on it, which comes and goes.
struct Server::Parts final : SimCircuitTaker {
    struct Process;

    explicit Parts(Seams const& seams);
    ~Parts() override;

    void start();
    void end(bool keeps_power);
    /// How much it has decided. Precondition: it is up.
    Position position() const;
    std::optional<StreamStat> stat(std::string_view stream) const;
    template <class Visit>
    void each_event(std::string_view stream, Visit&& visit) const;

    SimCircuitEnd* take(std::shared_ptr<SimCircuit> circuit) override;
    bool has_power() const override { return powered; }

    Seams seams;
    SimRandom random;
    SimStorage storage;
    MemoryCheckpointStore checkpoints;
    std::uint64_t life = 0;
    bool powered = true;
    std::unique_ptr<Process> process;
};

}  // namespace capstan::testing
