#include <capstan/schema/error.hpp>
#include <capstan/sdk/runtime.hpp>
#include <capstan/sdk/server_url.hpp>
#include <capstan/testing/device.hpp>
#include <optional>
#include <utility>

#include "device_store.hpp"
#include "seams.hpp"

namespace capstan::testing {
namespace {

/// For ever, as far as a test is concerned.
constexpr Duration kUntilHealed = std::chrono::hours(24 * 365 * 100);

/// A machine's own idea of the time.
class DeviceClock final : public Clock {
  public:
    explicit DeviceClock(SimClock const& world) : world_(world) {}
    Instant now() const override { return world_.now(); }
    WallTime wall() const override { return WallTime{world_.wall().micros + offset_.count()}; }
    void jump(std::chrono::microseconds by) { offset_ += by; }

  private:
    SimClock const& world_;
    std::chrono::microseconds offset_{};
};

/// What one life of an application stands on.
struct Process {
    Process(Seams const& seams, std::uint64_t device, SimRandom life)
        : random(std::move(life)), loop(seams.schedule), transport(seams.network, loop, device) {}
    SimRandom random;
    SimExecutor loop;
    SimTransport transport;
};

/// Of a process: handles of its client may outlive it, and then only ask where they are.
class DeviceWorld final : public RuntimeWorld {
  public:
    DeviceWorld(Process& process, Clock& clock, SimSchedule& schedule)
        : process_(process), clock_(clock), schedule_(schedule) {}
    Executor& loop() override { return process_.loop; }
    bool is_on_loop() const override { return true; }  // there is one thread
    Clock& clock() override { return clock_; }
    Random& random() override { return process_.random; }
    Result<Transport*> transport(ServerUrl const&, std::string const&) override {
        return &process_.transport;
    }
    std::unique_ptr<Executor> start_disk() override {
        return std::make_unique<SimExecutor>(schedule_);
    }

  private:
    Process& process_;
    Clock& clock_;
    SimSchedule& schedule_;
};

}  // namespace

struct Device::Parts {
    Parts(Seams const& of, std::string its_name)
        : seams(of),
          name(std::move(its_name)),
          number(seams.network.add_device()),
          clock(seams.clock) {}
    ~Parts() { end(); }

    void start(ClientHandlers handlers, ClientOptions options) {
        seams.network.set_device_power(number, true);
        disk->life += 1;
        auto const life = seams.root.child(name + "/life/" + std::to_string(disk->life));
        process.emplace(seams, number, life);
        options.runtime =
            Runtime::in(std::make_unique<DeviceWorld>(*process, clock, seams.schedule));
        options.custom_store = make_store(disk);
        auto opened = Client::open(std::move(options), std::move(handlers));
        CAPSTAN_INVARIANT(opened.has_value(), opened.error().detail);
        client.emplace(std::move(opened).value());
    }

    /// What the client had still to do goes with the loop that was to do it.
    void end() {
        disk->life += 1;
        client.reset();
        process.reset();
    }

    Seams seams;
    std::string name;
    std::uint64_t number;
    DeviceClock clock;
    std::shared_ptr<StoreDisk> disk = std::make_shared<StoreDisk>();
    std::optional<Process> process;
    std::optional<Client> client;
};

std::unique_ptr<Device> make_device(Seams const& seams, std::string name) {
    return std::make_unique<Device>(std::make_unique<Device::Parts>(seams, std::move(name)));
}

Device::Device(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Device::~Device() = default;

std::string const& Device::name() const {
    return parts_->name;
}

Client& Device::open(ClientHandlers handlers, ClientOptions options) {
    CAPSTAN_INVARIANT(!is_open());
    parts_->start(std::move(handlers), std::move(options));
    return *parts_->client;
}

Client& Device::client() {
    CAPSTAN_INVARIANT(is_open());
    return *parts_->client;
}

bool Device::is_open() const {
    return parts_->client.has_value();
}

void Device::kill() {
    parts_->end();
}

void Device::lose_power() {
    parts_->seams.network.set_device_power(parts_->number, false);
    parts_->end();
}

void Device::partition() {
    offline(kUntilHealed);
}

void Device::partition_down() {
    parts_->seams.network.cut(parts_->number, false, true, kUntilHealed);
}

void Device::partition_up() {
    parts_->seams.network.cut(parts_->number, true, false, kUntilHealed);
}

void Device::heal() {
    parts_->seams.network.heal(parts_->number);
    if (is_open()) {
        client().retry();
    }
}

void Device::offline(Duration lasting) {
    parts_->seams.network.cut(parts_->number, true, true, lasting);
}

void Device::slow_down(Duration more, Duration lasting) {
    parts_->seams.network.lag(parts_->number, more, lasting);
}

void Device::reset_connections() {
    parts_->seams.network.reset(parts_->number);
}

StoreImage Device::image() const {
    return parts_->disk->records;
}

void Device::restore(StoreImage image) {
    CAPSTAN_INVARIANT(!is_open());
    parts_->disk->records = std::move(image);
}

void Device::jump_clock(std::chrono::seconds by) {
    parts_->clock.jump(by);
}

std::string Device::what_is_left() const {
    if (!is_open()) {
        return "it is off";
    }
    if (parts_->client->status() != Status::live) {
        return "its client is not live";
    }
    return unsent_in(parts_->disk->records);
}

}  // namespace capstan::testing
