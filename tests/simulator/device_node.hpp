// A device: a machine with a store, and an application on the SDK, which comes and goes.
#pragma once
#include <capstan/engine/sync/store.hpp>
#include <capstan/sdk/store.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server_node.hpp"

namespace capstan {
class Shell;
}

namespace capstan::simulator {

/// The store's disk: transactions are there whole or not at all, as LMDB has them. A value: a copy
/// is an image.
struct ClientDisk {
    std::map<Bytes, Bytes> records;

    sync::StoreImage image() const;
};

class DeviceNode {
  public:
    DeviceNode(NodeSeams const& seams, std::uint64_t number, std::vector<std::string> streams);
    ~DeviceNode();

    void start();
    bool is_up() const { return process_ != nullptr; }
    void apply(Step const& step);
    /// Its store threw Crash.
    void crash_in_write();
    void heal();

    /// Nothing is left to be sent, and all that is subscribed has been read.
    bool is_done() const;
    /// Why not.
    std::string what_is_left() const;
    void check_store() const;

  private:
    class Store;
    struct Process;
    struct Image {
        ClientDisk disk;
        ImageFacts facts;
    };

    void die(bool keeps_power);
    void start_after(Duration delay);
    void publish(Step const& step);
    Reading where_it_was(std::string const& stream, bool is_new_life) const;
    void subscribe(std::string const& stream, std::uint64_t how, bool is_new_life);
    void unsubscribe(std::string const& stream);
    void restore(Duration down);
    ClientHandlers handlers();

    NodeSeams seams_;
    std::uint64_t number_;
    std::vector<std::string> streams_;
    SimExecutor user_;  // who starts the application
    SimRandom random_;
    MachineClock clock_;
    std::uint64_t life_ = 0;
    ClientDisk disk_;
    std::unique_ptr<Process> process_;
    std::set<std::string> subscribed_;
    std::optional<Image> image_;

    bool faults_ = true;
    std::optional<std::uint64_t> writes_to_crash_;
    bool keeps_last_write_ = false;
    bool fails_next_write_ = false;
    Duration down_{};
    std::unique_ptr<Timer> start_timer_;
};

}  // namespace capstan::simulator
