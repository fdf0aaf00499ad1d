// A device for tests of the client: its shell, its disk and its application. The disk forgets what
// was not flushed; the application checks what it is given.
#pragma once
#include <capstan/engine/sync/client.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "device_link.hpp"
#include "dice.hpp"
#include "test_server.hpp"

namespace capstan::test {

class DiceRandom final : public Random {
  public:
    explicit DiceRandom(Dice& dice) : dice_(dice) {}
    std::uint64_t next() override { return dice_.next(); }

  private:
    Dice& dice_;
};

/// Records with transactions: applied in order, on the disk only once flushed. A value: a copy is
/// an image of the disk.
class TestDisk {
  public:
    void apply(std::vector<sync::Write> transaction);
    void flush();
    /// Some of the latest transactions are gone.
    void crash(Dice& dice);
    /// What a crash would leave at the least.
    std::map<Bytes, Bytes> const& durable() const {
        return not_flushed_.empty() ? records_ : not_flushed_.front();
    }
    std::vector<sync::StoredRecord> view() const;
    sync::StoreImage image() const;

  private:
    std::map<Bytes, Bytes> records_;                   // all applied
    std::vector<std::map<Bytes, Bytes>> not_flushed_;  // the states before each
};

/// What the test calls a write; it stands in its events.
using WriteNumber = std::uint64_t;

/// Which writes an event on the tape came from: `w7.0` is the first event of write 7. An opaque
/// event names itself; one of operations has a set of them, in which coalesced ones meet.
std::vector<std::string> names_in(std::string const& event);

/// What an application has been told, over all openings of its store.
struct WriteLedger {
    struct Entry {
        std::string device;
        std::string stream;
        std::size_t events = 0;
        bool stored = false;  // told so
        bool confirmed = false;
        bool refused = false;  // for good
        bool may_vanish =
            false;  // lost in a crash before it was stored, or with a store that is gone
        bool may_double = false;  // an old image sends again what the store that went on had sent
    };
    std::map<WriteNumber, Entry> writes;
    WriteNumber last = 0;
};

class TestDevice {
  public:
    TestDevice(std::string name,
               Dice& dice,
               TestServer& server,
               WriteLedger& ledger,
               sync::ClientOptions options,
               std::vector<std::string> streams);

    void publish();
    void discard();
    void consume();
    void advance(Duration by);
    /// The connection brings one message, either way. False if there was none.
    bool receive();
    bool deliver_to_server();
    /// The connection breaks; what was on its way to the server may still be folded.
    void break_connection();
    /// The process ends without warning, and starts again.
    void crash();
    /// An old image of the disk takes its place; it holds these writes, or knew their end.
    void become(TestDisk image, std::set<WriteNumber> const& stored);

    /// A run as it stands on the disk, which names it for ever.
    struct Form {
        DeviceId device;
        std::string stream;
        Attempt attempt;
        Counter first;
    };
    /// The writes that are frozen on the disk.
    std::map<WriteNumber, Form> frozen_forms() const;

    sync::Client& client() { return *client_; }
    TestDisk const& disk() const { return disk_; }
    Instant now() const { return now_; }
    bool connected() const { return link_.is_open(); }
    bool idle() const;
    bool has_read_all() const;
    std::string const& wrong() const { return wrong_; }  // empty if all is as it should be
    std::uint64_t recoveries = 0;
    std::uint64_t losses = 0;
    std::uint64_t confirmed_with_seq = 0;
    std::uint64_t coalesced = 0;  // writes that were confirmed in a run with fewer events

    /// After how many more effects the process ends; 0: it goes on.
    std::uint64_t effects_until_crash = 0;

  private:
    void open_store();
    void run();
    void carry_out(sync::Effects effects);
    void carry_out(sync::Effect const& effect);
    void on(sync::Connect const& connect);
    void on(sync::Send const& send);
    void on(sync::Close const& close);
    void on(sync::Delivery const& delivery);
    void on(sync::WriteMoved const& moved);
    void on(sync::HoleDeclared const& hole);
    void on(sync::SnapshotArrived const&) { expect(false, "only models begin with a snapshot"); }
    void on(sync::HistoryLost const& lost);
    void on(sync::Recovered const& recovered);
    void on(sync::StatusChanged const&) {}
    void on(sync::Trouble const&) {}
    bool stands_where_told(sync::WriteMoved const& moved, WriteNumber number) const;
    Bytes make_event(WriteNumber number, std::size_t index, bool coalesces) const;
    void check_durable_before_sent(fb::Publish const& publish) const;
    void expect(bool condition, char const* what) const;

    struct Reading {
        Seq next{1};  // what must come next
        Seq consumed;
    };
    struct Crash {};

    std::string name_;
    Dice& dice_;
    DiceRandom random_;
    TestServer& server_;
    WriteLedger& ledger_;
    sync::ClientOptions options_;
    std::vector<StreamName> streams_;
    TestDisk disk_;
    std::unique_ptr<sync::Client> client_;
    Instant now_;
    std::map<sync::MutationId, WriteNumber> numbers_;
    std::map<std::string, Reading> readings_;
    std::vector<std::pair<std::string, sync::MutationId>> refused_;  // told, not dealt with
    DeviceLink link_;
    mutable std::string wrong_;
};

}  // namespace capstan::test
