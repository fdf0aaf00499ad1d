#include "history.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

namespace capstan::test {

thread_local std::uint64_t mood_one_in = 0;
thread_local Dice mood_dice{0};

namespace {

constexpr char kStream[] = "acme/room";
constexpr int kSteps = 300;
constexpr int kRoundsMax = 4'000;

std::string bytes_of(Mutation mutation) {
    return std::string(reinterpret_cast<char const*>(&mutation), sizeof mutation);
}

Mutation mutation_of(std::string const& bytes) {
    Mutation mutation = 0;
    std::memcpy(&mutation, bytes.data(), sizeof mutation);
    return mutation;
}

Cursor cursor_at(FoldBed const& bed, Seq seq) {
    auto const& stream = bed.stream(kStream);
    auto const chain = seq == Seq{} ? chain_start(kStream) : stream.tape[seq.value - 1].chain;
    return {bed.generation(kStream), seq, chain};
}

}  // namespace

HistoryCounts& HistoryCounts::operator+=(HistoryCounts const& other) {
    std::ranges::transform(of, other.of, of.begin(), std::plus<>());
    rebases += other.rebases;
    recoveries += other.recoveries;
    losses += other.losses;
    return *this;
}

History::History(std::uint64_t seed, HistoryOptions options, FoldBed::Decide decide)
    : dice_(seed), options_(options), bed_(FoldBed::started(decide)) {
    mood_dice = Dice(seed + 1);
    mood_one_in = 12;
    bed_.fold(encode_create(kStream, "acme/anna"));
    bed_.fold(encode_fold_policy(kStream, "acme/anna", options.policy));
    backup_ = bed_;
    for (std::size_t i = 0; i < options.devices; ++i) {
        clients_.push_back({HistoryDevice(device_named("device " + std::to_string(i)), dice_), 0});
        images_.emplace_back();
    }
}

std::string History::run() {
    for (int i = 0; i < kSteps; ++i) {
        step();
    }
    mood_one_in = 0;
    auto const wrong = quiesce() ? check() : "stuck";
    for (auto const& client : clients_) {
        counts_.recoveries += client.device.recoveries;
        counts_.losses += client.device.losses;
    }
    return wrong;
}

void History::step() {
    auto const client = static_cast<std::size_t>(dice_.below(clients_.size()));
    auto const choice = dice_.below(28);
    if (choice < 11) {
        app_step(client, choice);
    } else if (choice < 16) {
        send(client);
    } else if (choice < 21) {
        arrive();
    } else if (choice < 24) {
        reply();
    } else {
        fault_step(client);
    }
    for (auto& each : clients_) {
        note_forms(each.device);
        confirmed_ever_.insert(each.device.confirmed.begin(), each.device.confirmed.end());
        failed_ever_.insert(each.device.failed.begin(), each.device.failed.end());
    }
}

void History::app_step(std::size_t client, std::uint64_t choice) {
    auto& device = clients_[client].device;
    if (choice < 4) {
        device.mutate(++last_mutation_);
    } else if (choice < 8) {
        device.freeze();
    } else if (choice < 10) {
        read(client);
    } else {
        device.freeze_floor();
    }
}

void History::fault_step(std::size_t client) {
    switch (dice_.below(12)) {
        case 0:
            clients_[client].device.reopen();
            break;
        case 1:
        case 2:
            turn_away(client);
            break;
        case 3:
            connect(client);
            break;
        case 4:
            bed_.evict();
            break;
        case 5:
            take_image(client);
            break;
        case 6:
        case 7:
            restore_image(client);
            break;
        case 8:
            take_backup();
            break;
        case 9:
            restore_backup();
            break;
        default:
            break;
    }
}

// --- Devices and gateways ------------------------------------------------------------------------

void History::connect(std::size_t client) {
    auto& [device, connection] = clients_[client];
    connection = ++last_connection_;
    auto const head = bed_.stream(kStream).row.head;
    auto const& cursor = device.cursor();
    auto const known = cursor.seq <= head &&
                       (cursor.seq == Seq{} || cursor_at(bed_, cursor.seq).chain == cursor.chain);
    auto const row = bed_.device(kStream, device.id);
    device.greeted({cursor_at(bed_, head), known, row.attempt, row.last});
    if (device.must_resume) {
        device.read_to(cursor_at(bed_, head));
        device.must_resume = false;
    }
}

void History::read(std::size_t client) {
    auto& [device, connection] = clients_[client];
    if (connection == 0) {
        connect(client);
    }
    auto const seq = device.cursor().seq;
    auto const ahead = bed_.stream(kStream).row.head.value - seq.value;
    device.read_to(cursor_at(bed_, seq.plus(dice_.below(ahead + 1))));
}

void History::send(std::size_t client) {
    if (clients_[client].connection == 0) {
        connect(client);
    }
    auto const runs = clients_[client].device.to_send();
    if (runs.empty()) {
        return;
    }
    auto const one = dice_.below(runs.size());
    auto const all = dice_.one_in(2);
    for (std::size_t i = 0; i < runs.size(); ++i) {
        if (all || i == one) {
            wire_.push_back({client,
                             clients_[client].connection,
                             runs[i].key(),
                             record_of_run(client, runs[i])});
        }
    }
}

/// Some copy reaches the fold, in any order; one in three comes again later.
void History::arrive() {
    if (wire_.empty()) {
        return;
    }
    auto const at = static_cast<long>(dice_.below(wire_.size()));
    auto const copy = wire_[static_cast<std::size_t>(at)];
    if (!dice_.one_in(3)) {
        wire_.erase(wire_.begin() + at);
    }
    auto const answer = fold(copy.record);
    if (!dice_.one_in(4)) {
        replies_.push_back({copy.client, copy.connection, copy.key, answer});
    }
}

void History::reply() {
    if (replies_.empty()) {
        return;
    }
    auto const at = static_cast<long>(dice_.below(replies_.size()));
    auto const reply = replies_[static_cast<std::size_t>(at)];
    replies_.erase(replies_.begin() + at);
    if (clients_[reply.client].connection == reply.connection) {
        clients_[reply.client].device.answered(reply.key, reply.answer);
    }
}

void History::turn_away(std::size_t client) {
    auto& device = clients_[client].device;
    if (auto const runs = device.to_send(); !runs.empty()) {
        device.turned_away(runs[dice_.below(runs.size())].key());
    }
}

Bytes History::record_of_run(std::size_t client, FrozenRun const& run) const {
    RunSpec spec;
    spec.stream = kStream;
    spec.device = clients_[client].device.id;
    spec.header = run.header;
    spec.generation = run.generation;
    spec.expect_head = run.expect_head;
    for (auto const mutation : run.mutations) {
        spec.events.push_back(bytes_of(mutation));
    }
    return record_of(spec);
}

Answer History::fold(Bytes const& record) {
    auto const verdict = bed_.fold(record);
    count(verdict);
    auto const view = SubmissionView::decode(record).value();
    auto const sequenced =
        bed_.find_run(kStream, view.device, view.run.header().attempt, view.run.first_counter());
    return {verdict.outcome, verdict.reason, verdict.last, sequenced.has_value()};
}

void History::count(Verdict const& verdict) {
    ++counts_.of.at(verdict.outcome);
    counts_.rebases += verdict.reason == Errc::rebase_needed;
}

// --- Restored images, restored servers -----------------------------------------------------------

void History::note_forms(HistoryDevice& device) {
    for (auto const& run : device.newly_frozen) {
        for (auto const mutation : run.mutations) {
            ++forms_[mutation];
        }
    }
    device.newly_frozen.clear();
}

void History::take_image(std::size_t client) {
    if (!options_.images || clients_[client].device.is_recovering()) {
        return;
    }
    note_forms(clients_[client].device);
    Image image{clients_[client].device, {}};
    for (auto const mutation : image.device.unconfirmed()) {
        image.forms[mutation] = forms_[mutation];
    }
    images_[client] = std::move(image);
}

/// The image takes the place of the store, or runs beside it as another client.
void History::restore_image(std::size_t client) {
    if (!images_[client]) {
        return;
    }
    auto const beside = dice_.one_in(4) && clients_.size() < 4;
    auto const gone = clients_[client].device.unconfirmed();
    auto& image = *images_[client];
    for (auto const mutation : image.device.unconfirmed()) {
        auto const unfrozen = std::ranges::count(image.device.pending, mutation) > 0;
        auto const refrozen = forms_[mutation] != image.forms[mutation];
        if (beside || unfrozen || refrozen || failed_ever_.contains(mutation)) {
            may_double_.insert(mutation);
        }
    }
    if (beside) {
        clients_.push_back({image.device, 0});
        images_.emplace_back();
        clients_.back().device.reopen();
    } else {
        may_vanish_.insert(gone.begin(), gone.end());
        clients_[client] = {image.device, 0};
        clients_[client].device.reopen();
    }
    images_[client].reset();
}

void History::take_backup() {
    if (options_.backups && dice_.one_in(2)) {
        backup_ = bed_;
    }
}

void History::restore_backup() {
    if (!options_.backups || !dice_.one_in(3)) {
        return;
    }
    bed_ = *backup_;
    bed_.fold(encode_restore(Lineage{++last_lineage_}, 0));
    backup_ = bed_;
    wire_.clear();
    replies_.clear();
    for (auto& client : clients_) {
        client.connection = 0;
    }
}

// --- The end -------------------------------------------------------------------------------------

/// Faults are over: every run arrives at once, every answer too.
bool History::quiesce() {
    wire_.clear();
    for (int round = 0; round < kRoundsMax; ++round) {
        auto all_idle = true;
        for (std::size_t client = 0; client < clients_.size(); ++client) {
            bool idle = false;
            if (!push_on(client, idle)) {
                return false;
            }
            all_idle = all_idle && idle;
        }
        if (all_idle) {
            return true;
        }
    }
    return false;
}

/// False if the device is stuck.
bool History::push_on(std::size_t client, bool& idle) {
    auto& device = clients_[client].device;
    connect(client);
    device.freeze();
    auto const runs = device.to_send();
    if (runs.empty()) {
        idle = device.is_idle();
        return true;
    }
    auto const recovering = device.is_recovering();
    auto const answer = fold(record_of_run(client, runs.front()));
    device.answered(runs.front().key(), answer);
    note_forms(device);
    return answer.outcome != Verdict::counter_gap || recovering;
}

/// Counters of a device are 1, 2, 3, … in the order of the stream, under attempts that only grow.
std::string History::check_device_order() const {
    std::map<DeviceId, Link> last;
    for (auto const& event : bed_.stream(kStream).tape) {
        auto& before = last[event.dot.device];
        if (event.dot.counter != before.counter.next() || event.attempt < before.attempt) {
            return "out of order";
        }
        before = {event.dot.counter, event.attempt};
    }
    return {};
}

std::string History::check() const {
    std::map<Mutation, int> sequenced;
    for (auto const& event : bed_.stream(kStream).tape) {
        ++sequenced[mutation_of(event.bytes)];
    }
    std::set<Mutation> confirmed = confirmed_ever_, failed = failed_ever_;
    for (auto const& client : clients_) {
        confirmed.insert(client.device.confirmed.begin(), client.device.confirmed.end());
        failed.insert(client.device.failed.begin(), client.device.failed.end());
    }
    for (Mutation m = 1; m <= last_mutation_; ++m) {
        auto const times = sequenced.contains(m) ? sequenced.at(m) : 0;
        if (times > 1 && !may_double_.contains(m)) {
            return "doubled";
        }
        if (times > 0 && failed.contains(m) && !may_double_.contains(m)) {
            return "failed but sequenced";
        }
        if (times == 0 && confirmed.contains(m) && !(options_.backups && failed.contains(m))) {
            return "confirmed but missing";
        }
        if (times == 0 && !failed.contains(m) && !may_vanish_.contains(m)) {
            return "lost";
        }
    }
    return check_device_order();
}

}  // namespace capstan::test
