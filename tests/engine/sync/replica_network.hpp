#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "replica_author.hpp"
#include "replica_device.hpp"

namespace capstan::test {

struct NetworkOptions {
    char const* name;
    bool images = false;
    bool backups = false;
    bool moody = true;          // gateways refuse runs on their own account
    std::uint32_t grace = 256;  // of the merge mark
    bool snapshots = true;      // in place of events, sometimes damaged
    bool undoes = false;        // users take back and make again what they did
    bool resolves = false;      // values stand beside each other until a resolver decides
};

/// A server and some devices with models, in which everything happens that a seed draws.
class ReplicaNetwork {
  public:
    ReplicaNetwork(std::uint64_t seed, NetworkOptions options);
    /// What is wrong with it; empty if nothing is.
    std::string run();
    std::map<std::string, std::uint64_t> counts() const;

  private:
    static constexpr char kStream[] = "acme/room/1";

    struct Written {
        std::string device;
        bool stored = false;
        bool confirmed = false;
        bool refused = false;
        bool may_vanish = false;
    };

    ReplicaDevice& join();
    std::string come_back();
    void exchange(ReplicaDevice& device, int rounds);
    std::string start_cold();
    void heard(ReplicaDevice const& device, sync::WriteMoved const& moved);
    void prepare(ReplicaDevice& device, sync::Replica& replica);
    static void decide(ReplicaDevice& device,
                       sync::MutationBuilder& m,
                       sync::Dispute const& dispute);
    void take_a_step(ReplicaDevice& device);
    void write(ReplicaDevice& device);
    void step();
    void lose_unstored(ReplicaDevice const& device);
    void image(std::size_t which);
    void backup();
    std::string quiesce();
    std::string check();
    std::string check_disputes();
    std::string check_steps();
    std::set<std::string> notes_on_tape() const;
    std::string check_books();
    std::string check_writes();

    Dice dice_;
    NetworkOptions options_;
    TestServer server_;
    ReplicaAuthor author_;
    sync::ClientOptions client_options_;
    std::vector<std::unique_ptr<ReplicaDevice>> devices_;
    std::map<std::string, Written> written_;  // by note
    std::map<std::pair<std::string, sync::MutationId>, std::string> writes_;
    std::vector<std::optional<TestDisk>> images_;
    std::optional<TestServer::Backup> backup_;
};

}  // namespace capstan::test
