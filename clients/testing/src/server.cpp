#include <capstan/engine/sync/delivery.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/server/session/session_host.hpp>
#include <capstan/server/sim/sim_door.hpp>
#include <string>
#include <utility>

#include "server_parts.hpp"

namespace capstan::testing {

/// One life of the server, as `capstand` assembles it.
struct Server::Parts::Process {
    Process(Parts& machine, SimRandom life)
        : random(std::move(life)),
          strand(machine.seams.schedule),
          disk(machine.seams.schedule),
          background(machine.seams.schedule),
          reader(machine.seams.schedule),
          host(
              SessionHost::make({}, {machine.seams.clock, random, strand, reader, authenticator})) {
        auto opened = Partition::open({.segment_bytes = 256 * 1'024},
                                      {machine.storage,
                                       machine.checkpoints,
                                       machine.seams.clock,
                                       random,
                                       strand,
                                       disk,
                                       background,
                                       {}},
                                      *host);
        CAPSTAN_INVARIANT(opened.has_value(), opened.error().detail);
        partition = std::move(opened).value();
        host->attach(*partition);
        door.emplace(*host, machine.seams.clock, strand, SimDoorOptions{}, SimDoorHooks{});
    }

    SimRandom random;
    SimExecutor strand;
    SimExecutor disk;
    SimExecutor background;
    SimExecutor reader;
    DevAuthenticator authenticator{""};
    std::unique_ptr<SessionHost> host;
    std::unique_ptr<Partition> partition;
    std::optional<SimDoor> door;
};

Server::Parts::Parts(Seams const& of) : seams(of), random(seams.root.child("server")) {
    seams.network.set_server(this);
    start();
}

Server::Parts::~Parts() {
    seams.network.set_server(nullptr);
}

void Server::Parts::start() {
    if (!process) {
        powered = true;
        process = std::make_unique<Process>(*this, random.child("life/" + std::to_string(++life)));
    }
}

void Server::Parts::end(bool keeps_power) {
    process.reset();
    powered = keeps_power;
    if (keeps_power) {
        storage.kill();
    } else {
        storage.crash(random);
    }
    checkpoints.crash(random.chance(1, 2));
}

SimCircuitEnd* Server::Parts::take(std::shared_ptr<SimCircuit> circuit) {
    return process ? process->door->take(std::move(circuit)) : nullptr;
}

std::optional<StreamStat> Server::Parts::stat(std::string_view stream) const {
    CAPSTAN_INVARIANT(process != nullptr);
    auto found = process->partition->stat(stream);
    CAPSTAN_INVARIANT(found.has_value(), found.error().detail);
    return std::move(found).value();
}

Position Server::Parts::position() const {
    return process->partition->position().first;
}

template <class Visit>
void Server::Parts::each_event(std::string_view stream, Visit&& visit) const {
    constexpr std::size_t kPageBytes = 1'048'576;
    auto const found = stat(stream);
    auto const head = found ? found->head : Seq{};
    for (Seq at; at < head;) {
        auto read = process->partition->read(found->number, at.next(), kPageBytes);
        CAPSTAN_INVARIANT(read.has_value(), read.error().detail);
        auto& page = read.value();
        sync::Delivery delivery;
        delivery.first = page.first;
        delivery.last = page.last;
        delivery.from = at.next();
        delivery.mark_before = page.mark_before;
        delivery.marks = std::move(page.marks);
        delivery.runs = std::move(page.runs);
        delivery.each_event(visit);
        at = page.last;
    }
}

std::unique_ptr<Server::Parts> make_server(Seams const& seams) {
    return std::make_unique<Server::Parts>(seams);
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Server::~Server() = default;

bool Server::is_up() const {
    return parts_->process != nullptr;
}

void Server::kill() {
    parts_->end(true);
}

void Server::lose_power() {
    parts_->end(false);
}

void Server::start() {
    parts_->start();
}

Seq Server::head(std::string_view stream) const {
    auto const found = parts_->stat(stream);
    return found ? found->head : Seq{};
}

std::vector<Bytes> Server::events(std::string_view stream) const {
    std::vector<Bytes> events;
    parts_->each_event(stream, [&](sync::DeliveredEvent const& event) {
        events.emplace_back(event.bytes.begin(), event.bytes.end());
    });
    return events;
}

Model Server::model(std::string_view stream) const {
    Model model;
    parts_->each_event(stream, [&](sync::DeliveredEvent const& delivered) {
        auto const event = decode_event(delivered.bytes);
        model.apply(event ? event.value() : Event{},
                    {.seq = delivered.seq,
                     .preceding_seq = delivered.preceding_seq,
                     .run_first = delivered.run_first,
                     .mark = delivered.mark_before,
                     .device = delivered.dot.device},
                    nullptr);
    });
    return model;
}

}  // namespace capstan::testing
