// A partition on simulated storage and time, with what a test wants to know about it.
#pragma once

#include <capstan/engine/runtime/executor.hpp>
#include <capstan/engine/sim/sim_clock.hpp>
#include <capstan/engine/sim/sim_executor.hpp>
#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/engine/sim/sim_storage.hpp>
#include <capstan/schema.hpp>
#include <capstan/sequencer/memory_checkpoint_store.hpp>
#include <capstan/sequencer/memory_log.hpp>
#include <capstan/sequencer/partition.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace capstan::test {

/// Remembers what a partition told.
class Heard final : public PartitionListener {
  public:
    void on_folded(std::span<Folded const> batch) override;
    void on_turned_away(std::span<std::uint64_t const> tokens, Error const& why) override;
    void on_moved(StreamMoved const& moved) override;
    void on_stopped(Error const& why) override { stopped = why; }

    std::map<std::uint64_t, Verdict> verdicts;  // by token
    std::map<std::uint64_t, Errc> turned_away;
    /// Events of a stream as they moved, in this life of the process.
    struct Live {
        Seq first;
        std::vector<std::string> events;
    };
    std::map<std::string, Live> live;
    std::optional<Error> stopped;
};

/// One honest device of one stream: the runs that it sends follow each other.
struct Author {
    std::string stream;
    DeviceId device;
    Attempt attempt = Attempt::of(1, 1);
    Link last{};

    /// The record of the next run. Call `sent` to go on behind it.
    Bytes record(std::vector<std::string> const& events) const;
    void sent(std::size_t events);
};

/// The machine: disks survive what kills the process.
class PartitionWorld {
  public:
    explicit PartitionWorld(std::uint64_t seed);
    ~PartitionWorld();

    PartitionOptions options;
    SimRandom random;
    SimClock clock;
    SimStorage storage;
    std::unique_ptr<MemoryCheckpointStore> checkpoints = std::make_unique<MemoryCheckpointStore>();
    Heard heard;
    /// Nothing: the file journal is the truth. Set before `open`; outlives the world.
    MemoryTopic* topic = nullptr;
    /// The same over another kind of log.
    OpenLog other_log;

    /// Starts the process.
    Result<> open();
    Partition& partition() { return *process_->partition; }
    bool running() const { return process_ && process_->partition; }
    /// The process dies, with all that it had under way; the machine lives on.
    void kill();
    /// The machine loses power: of what was not flushed, any part is gone.
    void lose_power();

    /// Submits; the answer comes with `run`.
    std::uint64_t submit(Bytes record);
    /// Submits and runs until the answer is there.
    Verdict publish(Author& author, std::vector<std::string> const& events);
    /// Lets tasks run until all is quiet but timers.
    void run();
    void run_for(Duration duration);

    /// All events of a stream, read page by page; chain, marks and seqs are checked.
    std::vector<std::string> read_all(std::string const& stream, std::size_t page_bytes = 1'000);

  private:
    OpenLog open_log();
    struct Process {
        Process(PartitionWorld& world);
        SimSchedule schedule;
        SimExecutor strand, disk, background;
        std::unique_ptr<Partition> partition;
    };
    std::unique_ptr<Process> process_;
    std::uint64_t next_token_ = 1;
};

}  // namespace capstan::test
