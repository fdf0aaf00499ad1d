// A device with models for tests: client, replicas, disk, and an application that checks what it is
// told against what it sees.
#pragma once
#include <capstan/engine/sync/client.hpp>
#include <capstan/engine/sync/replica.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "device_link.hpp"
#include "dice.hpp"
#include "test_device.hpp"
#include "test_server.hpp"

namespace capstan::test {

using coalesce::ObjectValue;

bool equal(ObjectValue const& x, ObjectValue const& y);

/// The model of a stream's tape up to a seq, made by nothing but `apply`.
Model fold_tape(TestServer& server, std::string const& stream, Seq last);

/// What an application knows of its objects from changes alone.
class Mirror {
  public:
    void apply(Changes const& changes);
    bool agrees_with(View const& view) const;
    void start_from(View const& view, std::set<std::string> const& objects);
    std::string const& wrong() const { return wrong_; }

  private:
    std::map<std::string, ObjectValue> objects_;
    std::set<std::string> known_;  // ids that were ever there
    std::string wrong_;
};

class ReplicaDevice {
  public:
    ReplicaDevice(std::string name,
                  Dice& dice,
                  TestServer& server,
                  sync::ClientOptions options,
                  std::string const& stream);

    /// Nothing if it was refused at once. It is stored and sent from the next `run` on.
    std::optional<sync::MutationId> mutate(Event event, sync::MutateOptions const& options = {});
    /// False if there was nothing, or it is refused at once. As `mutate`.
    bool undo();
    bool redo();
    void run();
    void advance(Duration by);
    bool receive();
    /// What the device wants of it comes with what it wants of the next message.
    bool hear();
    bool deliver_to_server();
    void break_connection();
    void crash();
    void become(TestDisk image);

    sync::Client& client() { return *client_; }
    sync::Replica& replica() { return *replica_; }
    View view() { return replica_->view(); }
    TestDisk const& disk() const { return disk_; }
    TestDisk& disk() { return disk_; }
    std::string const& name() const { return name_; }
    std::string const& wrong() const { return wrong_; }
    bool idle() const;
    bool has_read_all() const;
    bool connected() const { return link_.is_open(); }

    /// The process ends after so many more effects; 0: it goes on.
    std::uint64_t effects_until_crash = 0;
    /// Whether what the model holds may be compared with the server's tape at each opening.
    bool compares_at_opening = true;
    bool may_refuse_snapshots = false;
    std::function<void(sync::WriteMoved const&)> on_write = [](sync::WriteMoved const&) {};
    std::function<void()> on_crash = [] {};
    std::function<void(sync::Replica&)> prepare = [](sync::Replica&) {};  // at each opening
    std::function<void(Changes const&)> on_changes = [](Changes const&) {};
    std::vector<sync::WriteMoved> refused;  // for good, told and not discarded
    std::map<std::string, std::uint64_t> counts;

  private:
    struct Crash {};

    void open_store();
    void carry_out(sync::Effects effects);
    void carry_out(sync::Effect const& effect);
    void on(sync::SnapshotArrived const& arrived);
    void look();
    bool took_step(Result<std::optional<sync::Undone>> const& undone);
    void expect(bool condition, std::string const& what);

    std::string name_;
    Dice& dice_;
    DiceRandom random_;
    TestServer& server_;
    sync::ClientOptions options_;
    StreamName stream_;
    TestDisk disk_;
    std::unique_ptr<sync::Client> client_;
    std::unique_ptr<sync::Replica> replica_;
    Mirror mirror_;
    Instant now_;
    DeviceLink link_;
    std::string wrong_;
};

}  // namespace capstan::test
