#include <algorithm>
#include <capstan/testing/world.hpp>
#include <cstdlib>
#include <utility>
#include <vector>

#include "seams.hpp"
#include "server_parts.hpp"

namespace capstan::testing {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(10);
/// Nothing is under way any more after so long without a change: longer than any message takes.
constexpr Duration kQuiet = std::chrono::seconds(2);

SimPace pace_of(WorldOptions const& options) {
    return {.delay_us = static_cast<std::uint64_t>(options.delay.count()),
            .jitter_us = static_cast<std::uint64_t>(options.jitter.count())};
}

}  // namespace

std::uint64_t seed_or(std::uint64_t otherwise) {
    char const* const text = std::getenv("CAPSTAN_TESTING_SEED");
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

struct World::Parts {
    explicit Parts(WorldOptions const& options)
        : root(options.seed),
          schedule_random(root.child("schedule")),
          schedule(clock, schedule_random),
          network(schedule, clock, pace_of(options), root, {}),
          server(make_server(seams())) {}

    Seams seams() { return {schedule, clock, root, network}; }

    SimRandom root;
    SimClock clock;
    SimRandom schedule_random;
    SimSchedule schedule;
    SimNetwork network;
    Server server;
    std::vector<std::unique_ptr<Device>> devices;
};

World::World(WorldOptions options) : parts_(std::make_unique<Parts>(options)) {}
World::~World() = default;

Server& World::server() {
    return parts_->server;
}

Device& World::add_device(std::string name) {
    auto& devices = parts_->devices;
    devices.push_back(make_device(parts_->seams(), std::move(name)));
    devices.back()->open();
    return *devices.back();
}

Instant World::now() const {
    return parts_->clock.now();
}

void World::run_for(Duration duration) {
    parts_->schedule.run_for(duration);
}

bool World::run_until(std::function<bool()> const& reached, Duration patience) {
    auto const end = now().plus(patience);
    while (!reached()) {
        if (now() >= end) {
            return false;
        }
        run_for(std::min(kLook, end - now()));
    }
    return true;
}

void World::partition() {
    for (auto const& device : parts_->devices) {
        device->partition();
    }
}

void World::heal() {
    for (auto const& device : parts_->devices) {
        device->heal();
    }
}

bool World::settle(Duration patience) {
    auto const end = now().plus(patience);
    parts_->server.start();
    for (auto const& device : parts_->devices) {
        if (!device->is_open()) {
            device->open();
        }
    }
    heal();
    for (;;) {
        auto const left = end - now();
        if (!run_until([this] { return what_is_left().empty(); }, left)) {
            return false;
        }
        auto const before = parts_->server.parts_->position();
        run_for(std::min(kQuiet, end - now()));
        if (what_is_left().empty() && parts_->server.parts_->position() == before) {
            return true;
        }
    }
}

std::string World::what_is_left() const {
    if (!parts_->server.is_up()) {
        return "the server is down";
    }
    for (auto const& device : parts_->devices) {
        if (auto const left = device->what_is_left(); !left.empty()) {
            return device->name() + ": " + left;
        }
    }
    return {};
}

}  // namespace capstan::testing
