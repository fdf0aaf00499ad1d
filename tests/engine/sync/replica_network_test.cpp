// Random networks of devices with models: partitions, crashes, refusals, lost answers, restored
// images and servers (F21, F22, F23). At every moment what was told is what is seen; at every
// opening the model is what the cursor says; in the end all devices agree with the tape, and every
// write counts once.
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "history.hpp"
#include "quiesce.hpp"
#include "replica_author.hpp"
#include "replica_device.hpp"
#include "shown_objects.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;
using fold_internal::AllRules;

constexpr char kStream[] = "acme/room/1";

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

GatewayHabits habits_of(NetworkOptions const& options) {
    return {.turns_away_for_load = 40,
            .turns_away_for_good = options.moody ? 40U : 0U,
            .answers_gaps_itself = 200,
            .passes_copies_on = 300,
            .loses_answers = 60,
            .drops_events = 20,
            .repeats_events = 20,
            .offers_snapshots = options.snapshots ? 500U : 0U,
            .offers_deltas = 500,
            .offers_stale = 200,
            .damages_chunks = 20,
            .loses_chunks = 10,
            .forgets_chunks = 100};
}

class Network {
  public:
    Network(std::uint64_t seed, NetworkOptions options)
        : dice_(seed),
          options_(options),
          server_(dice_, habits_of(options), &decide_in_a_mood<AllRules>),
          author_(dice_) {
        mood_one_in = 12;
        mood_dice = Dice(seed + 1);
        server_.create(kStream, options.grace);
        sync::ClientOptions client;
        client.chunks = plain_codec();
        client.credit_bytes = static_cast<std::uint32_t>(2'000 + dice_.below(20'000));
        client.load_timeout = std::chrono::seconds(2);
        client_options_ = client;
        for (int n = 0; n < 3; ++n) {
            join();
        }
        if (options.resolves) {
            devices_.front()->mutate(
                {{{.kind = OpKind::insert, .object = "rule", .type = "capstan.policy"},
                  {.object = "rule", .field = "type", .value = std::string("Thing")},
                  {.object = "rule", .field = "register", .value = std::string("multi")}},
                 {}});
        }
    }

    /// What is wrong with it; empty if nothing is.
    std::string run() {
        for (int n = 0; n < 500; ++n) {
            step();
            for (auto const& device : devices_) {
                if (!device->wrong().empty()) {
                    return device->wrong();
                }
            }
        }
        if (auto wrong = quiesce(); !wrong.empty()) {
            return wrong;
        }
        if (auto wrong = check(); !wrong.empty()) {
            return wrong;
        }
        for (int round = 0; round < 3; ++round) {
            if (auto wrong = come_back(); !wrong.empty()) {
                return wrong;
            }
        }
        return start_cold();
    }

    std::map<std::string, std::uint64_t> counts() const {
        auto counts = server_.counts();
        for (auto const& device : devices_) {
            for (auto const& [what, times] : device->counts) {
                counts[what] += times;
            }
        }
        return counts;
    }

  private:
    /// A device that has nothing joins the others.
    ReplicaDevice& join() {
        auto const name = static_cast<char>('a' + devices_.size());
        devices_.push_back(std::make_unique<ReplicaDevice>(
            std::string(1, name), dice_, server_, client_options_, kStream));
        auto& device = *devices_.back();
        device.compares_at_opening = !options_.backups;
        device.on_write = [this, &device](sync::WriteMoved const& moved) { heard(device, moved); };
        device.on_crash = [this, &device] { lose_unstored(device); };
        device.prepare = [this, &device](sync::Replica& replica) { prepare(device, replica); };
        device.prepare(device.replica());
        images_.resize(devices_.size());
        return device;
    }

    /// All are away while one goes on; then they come back, and some die of it.
    std::string come_back() {
        for (auto& device : devices_) {
            device->break_connection();
        }
        auto& author = *dice_.pick(devices_);
        for (auto writes = 1 + dice_.below(8); writes > 0; --writes) {
            write(author);
            exchange(author, 3);
        }
        for (auto& device : devices_) {
            device->effects_until_crash = dice_.one_in(3) ? 1 + dice_.below(40) : 0;
            exchange(*device, 2);
        }
        if (auto wrong = quiesce(); !wrong.empty()) {
            return wrong;
        }
        return check();
    }

    void exchange(ReplicaDevice& device, int rounds) {
        for (; rounds > 0; --rounds) {
            device.advance(std::chrono::milliseconds(500));
            while (device.deliver_to_server() || server_.fold_one()) {
            }
            server_.push();
            while (device.receive()) {
            }
        }
    }

    /// In the end a device with nothing but writes of its own comes to what all others have.
    std::string start_cold() {
        auto& device = join();
        for (auto writes = dice_.below(4); writes > 0; --writes) {
            write(device);
        }
        if (auto wrong = quiesce(); !wrong.empty()) {
            return wrong;
        }
        return check();
    }

    struct Written {
        std::string device;
        bool stored = false;
        bool confirmed = false;
        bool refused = false;
        bool may_vanish = false;
    };

    void heard(ReplicaDevice const& device, sync::WriteMoved const& moved) {
        auto const at = writes_.find({device.name(), moved.mutation});
        if (at == writes_.end()) {
            return;
        }
        Written& written = written_.at(at->second);
        written.stored = written.stored || moved.state == sync::WriteState::stored;
        written.confirmed = written.confirmed || moved.state == sync::WriteState::confirmed;
        written.refused =
            written.refused || (moved.state == sync::WriteState::refused && !moved.provisional);
    }

    /// What an application says of a model before it uses it.
    void prepare(ReplicaDevice& device, sync::Replica& replica) {
        if (options_.undoes) {
            replica.keep_undo();
        }
        for (char const* field : {"f0", "f1", "f2"}) {
            if (options_.resolves) {
                replica.resolve_by(
                    {.type = "Thing",
                     .field = field,
                     .decide = [&device](sync::MutationBuilder& m, sync::Dispute const& dispute) {
                         decide(device, m, dispute);
                     }});
            }
        }
    }

    /// No two devices would say the same.
    static void decide(ReplicaDevice& device,
                       sync::MutationBuilder& m,
                       sync::Dispute const& dispute) {
        ++device.counts["disputes decided"];
        std::int64_t greatest = 0;
        for (ConflictSide const& side : dispute.sides) {
            auto const* const number =
                side.value ? std::get_if<std::int64_t>(&*side.value) : nullptr;
            greatest = std::max(greatest, number == nullptr ? 0 : *number);
        }
        m.set(
            dispute.place.object, dispute.place.field, greatest * 10 % 100'000 + device.name()[0]);
    }

    void take_a_step(ReplicaDevice& device) {
        bool const done = dice_.one_in(3) ? device.redo() : device.undo();
        device.counts["steps taken back or again"] += done ? 1 : 0;
        device.run();
    }

    void write(ReplicaDevice& device) {
        bool const quarrels = options_.resolves && dice_.one_in(2);
        auto event = quarrels ? author_.quarrel(device) : author_.event(device);
        auto const note = author_.last_note();
        sync::MutateOptions options;
        if (dice_.one_in(10)) {
            options.expect_head = Seq{server_.tape(kStream).size()};
        }
        written_[note] = {.device = device.name()};
        if (auto const id = device.mutate(std::move(event), options)) {
            writes_[{device.name(), *id}] = note;
            if (!dice_.one_in(3)) {  // several calls may share a transaction
                device.run();
            }
        } else {
            written_.erase(note);
        }
    }

    void step() {
        auto const which = static_cast<std::size_t>(dice_.below(devices_.size()));
        ReplicaDevice& device = *devices_[which];
        auto const choice = dice_.below(21);
        if (choice < 4) {
            if (options_.undoes && dice_.one_in(3)) {
                take_a_step(device);
            } else {
                write(device);
            }
        } else if (choice < 7) {
            device.advance(std::chrono::milliseconds(dice_.below(400)));
        } else if (choice < 10) {
            for (auto more = dice_.one_in(4) ? 60 : 1; more > 0 && device.receive(); --more) {
            }
        } else if (choice < 12) {
            device.deliver_to_server();
        } else if (choice < 14) {
            server_.fold_one();
        } else if (choice < 15) {
            server_.push();
        } else if (choice < 16) {
            server_.copy_arrives();
        } else if (choice < 17) {
            if (dice_.one_in(4)) {
                device.break_connection();
            }
        } else if (choice < 18) {
            if (dice_.one_in(6)) {
                device.effects_until_crash = 1 + dice_.below(12);
            }
        } else if (choice < 19) {
            image(which);
        } else if (choice < 20) {
            backup();
        } else if (devices_.size() < 5 && dice_.one_in(8)) {
            join();
        }
    }

    void lose_unstored(ReplicaDevice const& device) {
        for (auto& [note, written] : written_) {
            written.may_vanish =
                written.may_vanish || (written.device == device.name() && !written.stored);
        }
    }

    void image(std::size_t which) {
        if (!options_.images || !dice_.one_in(6)) {
            return;
        }
        auto& device = *devices_[which];
        if (!images_[which]) {
            images_[which] = device.disk();
            return;
        }
        for (auto& [note, written] : written_) {
            written.may_vanish = written.may_vanish || written.device == device.name();
        }
        device.become(*images_[which]);
        images_[which].reset();
    }

    void backup() {
        if (!options_.backups || !dice_.one_in(6)) {
            return;
        }
        if (!backup_) {
            backup_ = server_.backup();
            return;
        }
        server_.restore(*backup_);
        backup_.reset();
        for (auto& device : devices_) {
            device->break_connection();
        }
        for (auto& [note, written] : written_) {
            written.may_vanish = written.may_vanish || written.confirmed;
        }
    }

    std::string quiesce() {
        server_.stop_misbehaving();
        mood_one_in = 0;
        for (auto& device : devices_) {
            device->effects_until_crash = 0;
        }
        return test::quiesce(server_, devices_, [](ReplicaDevice&) {});
    }

    std::string check() {
        auto const head = Seq{server_.tape(kStream).size()};
        auto const truth = fold_tape(server_, kStream, head).state_hash();
        for (auto const& device : devices_) {
            if (device->replica().state_hash() != truth) {
                return "device " + device->name() + " has another model than the tape";
            }
        }
        if (options_.resolves) {
            return check_disputes();
        }
        return options_.undoes ? check_steps() : check_writes();
    }

    /// All that was in dispute has been decided, once and for all.
    std::string check_disputes() {
        auto const& replica = devices_.front()->replica();
        for (char const* field : {"f0", "f1", "f2"}) {
            auto const open = sync::find_disputes(replica.model(), "Thing", field);
            if (!open.empty()) {
                return open.front().object + "." + field + " is still in dispute";
            }
        }
        return {};
    }

    /// What a device wrote down in one event was taken back in one event; and when all that its
    /// user did since the last crash is taken back and made again, nothing is another.
    std::string check_steps() {
        for (auto& device : devices_) {
            auto const log = "log " + device->name();
            std::string listed;
            for (Value const& value : device->view().list(log, "index")) {
                listed += std::get<std::string>(value) + "\n";
            }
            if (device->view().text(log, "book") != listed) {
                return log + " reads:\n" + device->view().text(log, "book") + "and lists:\n" +
                       listed;
            }
            auto const before = shown_objects(device->view());
            int steps = 0;
            while (device->undo()) {
                ++steps;
            }
            while (steps-- > 0 && device->redo()) {
            }
            if (!device->wrong().empty()) {
                return device->wrong();
            }
            if (auto const other = find_difference(before, shown_objects(device->view()));
                !other.empty()) {
                return "device " + device->name() + ": undo and redo left another " + other;
            }
        }
        return {};
    }

    /// Notes of the writes that the tape holds.
    std::set<std::string> notes_on_tape() const {
        std::set<std::string> found;
        for (auto const& taped : server_.tape(kStream)) {
            auto const event = decode_event(as_bytes(taped.bytes)).value();
            for (Op const& op : event.ops) {
                if (op.field == "writes") {
                    found.insert(std::get<std::string>(op.value));
                }
            }
        }
        return found;
    }

    /// What a device wrote down at the end of its own text and list, each time from what it saw
    /// then: all of that in its order, whatever was refused in between. (Where history was lost, so
    /// may be what it wrote down.)
    std::string check_books() {
        std::map<std::string, std::string> books;
        for (auto const& taped : server_.tape(kStream)) {
            auto const event = decode_event(as_bytes(taped.bytes)).value();
            for (Op const& op : event.ops) {
                if (op.field == "index") {
                    books[op.object] += std::get<std::string>(op.value) + "\n";
                }
            }
        }
        auto const view = devices_.front()->view();
        for (auto const& [log, expected] : books) {
            std::string listed;
            for (Value const& value : view.list(log, "index")) {
                listed += std::get<std::string>(value) + "\n";
            }
            if (view.text(log, "book") != expected || listed != expected) {
                return log + " reads:\n" + view.text(log, "book") + "and lists:\n" + listed +
                       "and not:\n" + expected;
            }
        }
        return {};
    }

    /// All that was written and not refused is there, and was counted once. (A restored server may
    /// have forgotten the log itself; an old image may send once more what the store that went on
    /// had sent.)
    std::string check_writes() {
        auto const view = devices_.front()->view();
        for (auto const& device : devices_) {
            auto const log = "log " + device->name();
            auto const notes = view.elements(log, "writes").size();
            auto const count = static_cast<std::size_t>(view.counter(log, "count"));
            if (!options_.images && count != notes) {
                return log + " counts " + std::to_string(count) + " and has " +
                       std::to_string(notes);
            }
        }
        bool const went_back = options_.images || options_.backups;
        if (auto wrong = went_back ? std::string() : check_books(); !wrong.empty()) {
            return wrong;
        }
        auto const found = notes_on_tape();
        for (auto const& [note, written] : written_) {
            bool const there = found.contains(note);
            // A log that went with a lost history is not there to be written to: what was still to
            // be written to it has no effect, and may be left out where writes are merged.
            bool const had_no_log = written.confirmed && lost_history(written.device);
            if (!there && !written.refused && !written.may_vanish && !had_no_log) {
                return "write " + note + " of " + written.device +
                       (written.confirmed ? " was confirmed, and is missing" : " is lost");
            }
            if (there && written.refused && !options_.images && !options_.backups) {
                return "write " + note + " was refused, and is there";
            }
        }
        return {};
    }

    bool lost_history(std::string const& device) const {
        return std::ranges::any_of(devices_, [&device](auto const& one) {
            return one->name() == device && one->counts.contains("histories lost");
        });
    }

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

NetworkOptions const kKinds[] = {
    {.name = "partitions and crashes"},
    {.name = "a close merge mark", .grace = 4},
    {.name = "an old image", .images = true, .moody = false},
    {.name = "an old image, moody gateways, a close merge mark", .images = true, .grace = 8},
    {.name = "a restored server", .backups = true, .grace = 16},
    {.name = "undo and redo", .undoes = true},
    {.name = "resolvers", .moody = false, .resolves = true},
};

/// Not right yet: docs/testing.md, "Not covered".
bool is_open(NetworkOptions const& options, std::uint64_t seed) {
    return std::string_view(options.name) == "a restored server" && seed == 22;
}

/// CAPSTAN_HISTORIES=100000 looks further than the daily run.
std::uint64_t histories() {
    char const* const value = std::getenv("CAPSTAN_HISTORIES");
    return value == nullptr ? 40 : std::strtoull(value, nullptr, 10);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(replica_networks)

BOOST_AUTO_TEST_CASE(devices_converge_with_the_tape_and_every_write_counts_once) {
    std::map<std::string, std::uint64_t> counts;
    for (auto const& options : kKinds) {
        for (std::uint64_t seed = 1; seed <= histories(); ++seed) {
            if (is_open(options, seed)) {
                continue;
            }
            Network network(seed, options);
            auto const wrong = network.run();
            BOOST_TEST(wrong.empty(), options.name << ", seed " << seed << ": " << wrong);
            if (!wrong.empty()) {
                break;
            }
            for (auto const& [what, times] : network.counts()) {
                counts[what] += times;
            }
        }
    }
    // The networks go where they should.
    for (char const* what : {"models reopened",
                             "refused",
                             "recoveries",
                             "histories lost",
                             "steps taken back or again",
                             "disputes decided",
                             "snapshots",
                             "snapshots below pending writes",
                             "folded deltas",
                             "folded deltas below pending writes",
                             "downloads resumed",
                             "stale snapshots offered",
                             "chunks damaged",
                             "chunks lost",
                             "chunks forgotten"}) {
        BOOST_TEST(counts[what] > 0U, what);
    }
    for (auto const& [what, times] : counts) {
        BOOST_TEST_MESSAGE(what << ": " << times);
    }
}

BOOST_AUTO_TEST_SUITE_END()
