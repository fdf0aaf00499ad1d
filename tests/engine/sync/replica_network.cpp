#include "replica_network.hpp"

#include "history.hpp"
#include "quiesce.hpp"

namespace capstan::test {
namespace {

using fold_internal::AllRules;

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

}  // namespace

ReplicaNetwork::ReplicaNetwork(std::uint64_t seed, NetworkOptions options)
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

std::string ReplicaNetwork::run() {
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

std::map<std::string, std::uint64_t> ReplicaNetwork::counts() const {
    auto counts = server_.counts();
    for (auto const& device : devices_) {
        for (auto const& [what, times] : device->counts) {
            counts[what] += times;
        }
    }
    return counts;
}

/// A device that has nothing joins the others.
ReplicaDevice& ReplicaNetwork::join() {
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
std::string ReplicaNetwork::come_back() {
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

void ReplicaNetwork::exchange(ReplicaDevice& device, int rounds) {
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
std::string ReplicaNetwork::start_cold() {
    auto& device = join();
    for (auto writes = dice_.below(4); writes > 0; --writes) {
        write(device);
    }
    if (auto wrong = quiesce(); !wrong.empty()) {
        return wrong;
    }
    return check();
}

void ReplicaNetwork::heard(ReplicaDevice const& device, sync::WriteMoved const& moved) {
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
void ReplicaNetwork::prepare(ReplicaDevice& device, sync::Replica& replica) {
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
void ReplicaNetwork::decide(ReplicaDevice& device,
                            sync::MutationBuilder& m,
                            sync::Dispute const& dispute) {
    ++device.counts["disputes decided"];
    std::int64_t greatest = 0;
    for (ConflictSide const& side : dispute.sides) {
        auto const* const number = side.value ? std::get_if<std::int64_t>(&*side.value) : nullptr;
        greatest = std::max(greatest, number == nullptr ? 0 : *number);
    }
    m.set(dispute.place.object, dispute.place.field, greatest * 10 % 100'000 + device.name()[0]);
}

void ReplicaNetwork::take_a_step(ReplicaDevice& device) {
    bool const done = dice_.one_in(3) ? device.redo() : device.undo();
    device.counts["steps taken back or again"] += done ? 1 : 0;
    device.run();
}

void ReplicaNetwork::write(ReplicaDevice& device) {
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

void ReplicaNetwork::step() {
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

void ReplicaNetwork::lose_unstored(ReplicaDevice const& device) {
    for (auto& [note, written] : written_) {
        written.may_vanish =
            written.may_vanish || (written.device == device.name() && !written.stored);
    }
}

void ReplicaNetwork::image(std::size_t which) {
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

void ReplicaNetwork::backup() {
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

std::string ReplicaNetwork::quiesce() {
    server_.stop_misbehaving();
    mood_one_in = 0;
    for (auto& device : devices_) {
        device->effects_until_crash = 0;
    }
    return test::quiesce(server_, devices_, [](ReplicaDevice&) {});
}

}  // namespace capstan::test
