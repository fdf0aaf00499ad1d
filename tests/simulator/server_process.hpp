// The process of a server, as `capstand` assembles it: partition, sessions, connections.
#pragma once
#include <capstan/server/session/session_host.hpp>
#include <capstan/server/sim/sim_door.hpp>
#include <map>

#include "server_node.hpp"

namespace capstan::simulator {

struct ServerNode::Process final : PartitionListener {
    Process(ServerNode& node, std::uint64_t life);
    ~Process() override;

    Result<> open();
    void make_door();
    void look_into(SimCircuit const& circuit, ByteView payload);
    void keep(DeviceId const& device, fb::Publish const& publish);

    void on_folded(std::span<Folded const> batch) override;
    void on_turned_away(std::span<std::uint64_t const> tokens, Error const& why) override;
    void on_moved(StreamMoved const& moved) override;
    void on_stopped(Error const& why) override;

    ServerNode& node;
    SimRandom random;
    SimExecutor strand;
    DiskExecutor disk;
    DiskExecutor background;
    DiskExecutor reader;
    DevAuthenticator authenticator{""};
    std::unique_ptr<SessionHost> host;
    std::unique_ptr<Partition> partition;
    std::unique_ptr<SimDoor> door;
    std::map<SimCircuit const*, DeviceId> devices;  // as each connection's last Hello says
    bool stopped = false;
};

/// A partition opened to look at what a disk holds, without anyone noticing.
class ServerNode::Probe final : PartitionListener {
  public:
    Probe(NodeSeams const& seams, SimStorage const& storage, MemoryCheckpointStore checkpoints);
    Result<> open(PartitionOptions const& options);
    Partition& partition() { return *partition_; }

  private:
    void on_folded(std::span<Folded const>) override {}
    void on_turned_away(std::span<std::uint64_t const>, Error const&) override {}
    void on_moved(StreamMoved const&) override {}
    void on_stopped(Error const&) override {}

    std::unique_ptr<SimStorage> storage_;
    MemoryCheckpointStore checkpoints_;
    SimClock clock_;
    SimRandom random_{1};
    SimSchedule schedule_;
    SimExecutor strand_, disk_, background_;
    std::unique_ptr<Partition> partition_;
};

/// Calls `visit(stat, page)` for each page of each stream. Errors: of reading.
Result<> read_all(Partition& partition,
                  std::size_t page_bytes,
                  std::function<void(StreamStat const&, Page const&)> const& visit);

}  // namespace capstan::simulator
