// A server: a machine with a disk, and the process on it, which comes and goes.
#pragma once
#include <capstan/engine/sim/sim_network.hpp>
#include <capstan/engine/sim/sim_storage.hpp>
#include <capstan/sequencer/memory_checkpoint_store.hpp>
#include <capstan/sequencer/partition.hpp>
#include <memory>
#include <optional>
#include <string>

#include "machine.hpp"
#include "oracle.hpp"
#include "plan.hpp"

namespace capstan::simulator {

/// The world around a node. All outlive it.
struct NodeSeams {
    SimSchedule& schedule;
    SimClock& clock;
    SimNetwork& network;
    Oracle& oracle;
    Trace& trace;
    Knobs const& knobs;
    SimRandom const& root;
};

class ServerNode final : public SimCircuitTaker {
  public:
    explicit ServerNode(NodeSeams const& seams);
    ~ServerNode() override;

    void start();
    bool is_up() const { return process_ != nullptr; }

    /// `flush_error` and what else the plan has for a server.
    void apply(Step const& step);
    /// A storage call threw Crash.
    void lose_power();
    /// No more faults: the disk works, and the process is started if it is down.
    void heal();

    /// Index and fold as they are now equal those rebuilt from the journal alone (I14, I17); a
    /// second recovery finds what the first one found (I18).
    void check_rebuilt();

    // The network.
    SimCircuitEnd* take(std::shared_ptr<SimCircuit> circuit) override;
    bool has_power() const override { return power_; }

  private:
    class Probe;
    struct Process;
    /// A run as it came in.
    struct Copy {
        DeviceId device;
        std::string stream;
        Generation generation;
        std::optional<Seq> expect_head;
        Bytes run;
    };
    struct Backup {
        std::unique_ptr<SimStorage> storage;
        MemoryCheckpointStore checkpoints;
        std::uint64_t refusals = 0;  // that there had been
    };

    PartitionOptions partition_options() const;
    void die(bool keeps_power);
    void start_after(Duration delay);
    void prepare_disk();
    Result<> write_restore_record();
    void on_opened();
    void on_stopped(Error const& why);
    bool has_torn_tail() const;
    void on_storage_call(std::string_view call);
    void strike_at(std::uint64_t calls, Duration down);
    void fail_flush(Step const& step);
    void fill_disk(Duration lasting);
    void restore_backup(Duration down);
    void keep_copy(Copy copy);
    void submit_copy(std::uint64_t back);
    void drain_and_flip(Step const& step);
    void flip_and_look(std::uint64_t draw);
    void look_at_damage(MemoryCheckpointStore const& checkpoints);

    NodeSeams seams_;
    SimExecutor operator_;  // who starts it, and mends its disk
    SimRandom random_;
    std::uint64_t life_ = 0;
    MachineClock clock_;
    std::unique_ptr<SimStorage> storage_;
    MemoryCheckpointStore checkpoints_;
    std::unique_ptr<Process> process_;
    bool power_ = true;
    Duration down_{};  // after the next end of the process

    std::optional<std::uint64_t> calls_to_crash_;
    std::optional<std::uint64_t> calls_to_error_;
    bool fails_writes_ = false;  // else flushes
    bool struck_ = false;        // a call has failed; the process may hear of it later
    bool is_ending_ = false;     // the partition has stopped
    bool faults_ = true;
    std::optional<Backup> backup_;
    bool restored_ = false;  // the next start is the first one of a copy
    bool restored_unnoted_ = false;
    std::uint64_t refusals_at_backup_ = 0;
    std::deque<Copy> copies_;  // of runs that came in, the newest last
    std::unique_ptr<Timer> start_timer_;
    std::unique_ptr<Timer> end_timer_;
    std::unique_ptr<Timer> space_timer_;
};

}  // namespace capstan::simulator
