// A session host on a real partition, simulated storage and virtual time.
#pragma once

#include <capstan/engine/sim/sim_executor.hpp>
#include <capstan/engine/sim/sim_storage.hpp>
#include <capstan/sequencer/memory_checkpoint_store.hpp>

#include "session_bed.hpp"

namespace capstan::test {

class RealBed final : public SessionBed {
  public:
    explicit RealBed(SessionOptions const& options, std::uint64_t seed);
    ~RealBed() override;
    Partition& partition() override { return *partition_; }
    /// Some steps of strand, disk and background, in an order that the seed chooses.
    void run() override;
    void flush(std::size_t submissions_max) override;

  private:
    SimStorage storage_;
    MemoryCheckpointStore checkpoints_;
    SimSchedule schedule_{clock, random};
    SimExecutor disk_{schedule_};
    SimExecutor background_{schedule_};
    std::unique_ptr<Partition> partition_;
};

}  // namespace capstan::test
