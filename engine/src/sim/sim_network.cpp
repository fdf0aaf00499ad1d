#include <algorithm>
#include <capstan/engine/sim/sim_network.hpp>
#include <capstan/schema/error.hpp>
#include <optional>
#include <string>

namespace capstan {

SimCircuit::SimCircuit(SimNetwork& network, std::uint64_t device, SimCircuitEnd& device_end)
    : network_(network), device_(device) {
    lane(Way::down).end = &device_end;
}

void SimCircuit::send(Way way, SimPacket packet) {
    auto& to = lane(way);
    auto due = network_.clock_.now().plus(network_.delay(device_));
    if (!to.packets.empty()) {
        due = std::max(due, to.packets.back().first);
    }
    to.bytes += packet.bytes.size();
    to.packets.emplace_back(due, std::move(packet));
    if (!to.timer) {
        run(way);
    }
}

/// Waits for what comes next, for as long as the way is cut; what is held up comes late, and in
/// order.
void SimCircuit::run(Way way) {
    auto& from = lane(way);
    from.timer.reset();
    if (from.packets.empty()) {
        return;
    }
    auto const now = network_.clock_.now();
    auto const due = std::max(from.packets.front().first, network_.passable(device_, way));
    from.timer = network_.lane_.after(due - now, [circuit = shared_from_this(), way] {
        auto& lane = circuit->lane(way);
        if (circuit->network_.passable(circuit->device_, way) > circuit->network_.clock_.now()) {
            circuit->run(way);  // a cut came while it was under way
            return;
        }
        auto packet = std::move(lane.packets.front().second);
        lane.packets.pop_front();
        lane.bytes -= packet.bytes.size();
        circuit->run(way);
        circuit->deliver(way, std::move(packet));
    });
}

void SimCircuit::deliver(Way way, SimPacket packet) {
    auto& network = network_;
    auto const kind = packet.kind;
    if (way == Way::up && kind == SimPacket::Kind::open) {
        asked_ = true;
        lane(Way::up).end =
            network.server_ == nullptr ? nullptr : network.server_->take(shared_from_this());
        if (lane(Way::up).end == nullptr) {
            bounce(way);
        } else {
            send(Way::down, {SimPacket::Kind::opened});
        }
        return;
    }
    auto* const end = lane(way).end;
    if (end == nullptr) {
        if (kind != SimPacket::Kind::reset) {
            bounce(way);
        }
        return;
    }
    end->on_packet(std::move(packet));
    auto* const sender = lane(way == Way::up ? Way::down : Way::up).end;
    if (sender != nullptr && kind == SimPacket::Kind::data) {
        sender->on_room();
    }
}

void SimCircuit::go_on() {
    run(Way::up);
    run(Way::down);
}

bool SimCircuit::device_has_power() const {
    return network_.places_[device_].power;
}

/// Something arrived where nobody knows of the connection.
void SimCircuit::bounce(Way way) {
    bool const power = way == Way::up ? network_.server_ != nullptr && network_.server_->has_power()
                                      : network_.places_[device_].power;
    if (power) {
        send(way == Way::up ? Way::down : Way::up, {SimPacket::Kind::reset});
    } else if (network_.mark_) {
        network_.mark_("a message met a machine without power");
    }
}

void SimCircuit::leave(Way towards) {
    lane(towards).end = nullptr;
    if (!asked_) {  // nobody asks any more
        auto& up = lane(Way::up);
        up.packets.clear();
        up.timer.reset();
    }
}

void SimCircuit::reset() {
    for (auto const way : {Way::up, Way::down}) {
        auto& one = lane(way);
        one.packets.clear();
        one.bytes = 0;
        one.timer.reset();
        if (one.end != nullptr) {
            send(way, {SimPacket::Kind::reset});
        }
    }
}

SimNetwork::SimNetwork(SimSchedule& schedule,
                       SimClock& clock,
                       SimPace pace,
                       SimRandom const& root,
                       std::function<void(std::string_view)> mark)
    : lane_(schedule), clock_(clock), pace_(pace), root_(root), mark_(std::move(mark)) {}

std::uint64_t SimNetwork::add_device() {
    auto const device = places_.size();
    places_.push_back({.random = root_.child("net/" + std::to_string(device))});
    return device;
}

void SimNetwork::set_device_power(std::uint64_t device, bool on) {
    places_[device].power = on;
}

void SimNetwork::cut(std::uint64_t device, bool up, bool down, Duration lasting) {
    auto const until = clock_.now().plus(lasting);
    auto& place = places_[device];
    place.cut_until[0] = up ? until : place.cut_until[0];
    place.cut_until[1] = down ? until : place.cut_until[1];
}

void SimNetwork::lag(std::uint64_t device, Duration more, Duration lasting) {
    places_[device].more = more;
    places_[device].lag_until = clock_.now().plus(lasting);
}

void SimNetwork::stall(std::uint64_t device, Duration lasting) {
    places_[device].stalled_until = clock_.now().plus(lasting);
}

void SimNetwork::reset(std::uint64_t device) {
    for (auto const& circuit : circuits_) {
        if (circuit->device() == device) {
            circuit->reset();
        }
    }
}

void SimNetwork::reset_all() {
    for (auto const& circuit : circuits_) {
        circuit->reset();
    }
}

void SimNetwork::heal(std::uint64_t device) {
    places_[device].heal();
    // What waited for the end of a cut waits no longer.
    for (auto const& circuit : circuits_) {
        if (circuit->device() == device) {
            circuit->go_on();
        }
    }
}

void SimNetwork::heal() {
    for (auto& place : places_) {
        place.heal();
    }
    for (auto const& circuit : circuits_) {
        circuit->go_on();
    }
}

void SimNetwork::Place::heal() {
    cut_until = {};
    lag_until = stalled_until = Instant{};
}

std::shared_ptr<SimCircuit> SimNetwork::connect(std::uint64_t device, SimCircuitEnd& device_end) {
    forget_dead();
    auto circuit = std::make_shared<SimCircuit>(*this, device, device_end);
    circuits_.push_back(circuit);
    circuit->send(SimCircuit::Way::up, {SimPacket::Kind::open});
    return circuit;
}

/// Connections that neither end knows of any more. What one of them is still to bring arrives all
/// the same.
void SimNetwork::forget_dead() {
    std::erase_if(circuits_, [](auto const& circuit) { return circuit->is_dead(); });
}

Duration SimNetwork::delay(std::uint64_t device) {
    auto& place = places_[device];
    auto const jitter =
        std::chrono::microseconds(pace_.delay_us + place.random.below(pace_.jitter_us + 1));
    return jitter + (clock_.now() < place.lag_until ? place.more : Duration{});
}

Instant SimNetwork::passable(std::uint64_t device, SimCircuit::Way way) const {
    auto const& place = places_[device];
    auto const cut = place.cut_until[static_cast<std::size_t>(way)];
    return way == SimCircuit::Way::down ? std::max(cut, place.stalled_until) : cut;
}

namespace {

/// A device's end. Packets come in on the network's lane and are heard on the device's loop.
class DeviceEnd final : public Connection, public SimCircuitEnd {
  public:
    DeviceEnd(SimNetwork& network, Executor& loop, std::uint64_t device, ConnectionEvents& events)
        : loop_(loop), events_(events), circuit_(network.connect(device, *this)) {}

    ~DeviceEnd() override {
        *alive_ = false;
        if (!ended_ && circuit_->device_has_power()) {
            circuit_->send(SimCircuit::Way::up, {SimPacket::Kind::reset});
        }
        circuit_->leave(SimCircuit::Way::down);
    }

    void send(Bytes message) override {
        if (ended_ || closing_) {
            return;
        }
        if (!open_) {
            waiting_.push_back(std::move(message));
            return;
        }
        circuit_->send(SimCircuit::Way::up, {SimPacket::Kind::data, std::move(message)});
    }
    std::size_t queued_bytes() const override {
        return circuit_->bytes_under_way(SimCircuit::Way::up);
    }
    void close() override {
        if (ended_ || std::exchange(closing_, true)) {
            return;
        }
        circuit_->send(SimCircuit::Way::up, {SimPacket::Kind::finish});
        close_timer_ = loop_.after(std::chrono::seconds(3), [this] {
            end(Error{Errc::connection_closed, "closed"});
        });
    }

    void on_packet(SimPacket packet) override {
        // Half of what a dead process was sent is still answered by its kernel, not by it.
        if (packet.kind == SimPacket::Kind::ping) {
            circuit_->send(SimCircuit::Way::up, {SimPacket::Kind::pong});
            return;
        }
        loop_.post([this, alive = alive_, packet = std::move(packet)] {
            if (*alive && !ended_) {
                hear(packet);
            }
        });
    }

  private:
    void hear(SimPacket const& packet) {
        switch (packet.kind) {
            case SimPacket::Kind::opened:
                open_ = true;
                for (auto& message : std::exchange(waiting_, {})) {
                    circuit_->send(SimCircuit::Way::up,
                                   {SimPacket::Kind::data, std::move(message)});
                }
                events_.on_open();
                break;
            case SimPacket::Kind::data:
                events_.on_message(packet.bytes);
                break;
            case SimPacket::Kind::finish:
                end(Error{Errc::connection_closed, "by the server"});
                break;
            default:
                end(Error{open_ ? Errc::connection_closed : Errc::unavailable, "reset"});
        }
    }
    void end(Error const& why) {
        ended_ = true;
        close_timer_.reset();
        circuit_->leave(SimCircuit::Way::down);
        events_.on_close(why);
    }

    Executor& loop_;
    ConnectionEvents& events_;
    std::shared_ptr<SimCircuit> circuit_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::deque<Bytes> waiting_;
    std::unique_ptr<Timer> close_timer_;
    bool open_ = false;
    bool closing_ = false;
    bool ended_ = false;
};

}  // namespace

std::unique_ptr<Connection> SimTransport::open(std::string_view, ConnectionEvents& events) {
    return std::make_unique<DeviceEnd>(network_, loop_, device_, events);
}

}  // namespace capstan
