#include "network.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace capstan::simulator {

Circuit::Circuit(SimNetwork& network, std::uint64_t device, CircuitEnd& device_end)
    : network_(network), device_(device) {
    lane(Way::down).end = &device_end;
}

void Circuit::send(Way way, Packet packet) {
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
void Circuit::run(Way way) {
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

void Circuit::deliver(Way way, Packet packet) {
    auto& network = network_;
    auto const kind = packet.kind;
    if (way == Way::up && kind == Packet::Kind::open) {
        asked_ = true;
        lane(Way::up).end =
            network.server_ == nullptr ? nullptr : network.server_->take(shared_from_this());
        if (lane(Way::up).end == nullptr) {
            bounce(way);
        } else {
            send(Way::down, {Packet::Kind::opened});
        }
        return;
    }
    auto* const end = lane(way).end;
    if (end == nullptr) {
        if (kind != Packet::Kind::reset) {
            bounce(way);
        }
        return;
    }
    end->on_packet(std::move(packet));
    auto* const sender = lane(way == Way::up ? Way::down : Way::up).end;
    if (sender != nullptr && kind == Packet::Kind::data) {
        sender->on_room();
    }
}

/// Something arrived where nobody knows of the connection.
void Circuit::bounce(Way way) {
    bool const power = way == Way::up ? network_.server_ != nullptr && network_.server_->has_power()
                                      : network_.places_[device_].power;
    if (power) {
        send(way == Way::up ? Way::down : Way::up, {Packet::Kind::reset});
    } else {
        network_.trace_.mark("a message met a machine without power");
    }
}

void Circuit::leave(Way towards) {
    lane(towards).end = nullptr;
    if (!asked_) {  // nobody asks any more
        auto& up = lane(Way::up);
        up.packets.clear();
        up.timer.reset();
    }
}

void Circuit::reset() {
    for (auto const way : {Way::up, Way::down}) {
        auto& one = lane(way);
        one.packets.clear();
        one.bytes = 0;
        one.timer.reset();
        if (one.end != nullptr) {
            send(way, {Packet::Kind::reset});
        }
    }
}

SimNetwork::SimNetwork(SimSchedule& schedule,
                       SimClock& clock,
                       Knobs const& knobs,
                       std::uint64_t devices,
                       SimRandom const& root,
                       Trace& trace)
    : lane_(schedule), clock_(clock), knobs_(knobs), trace_(trace) {
    for (std::uint64_t device = 0; device < devices; ++device) {
        places_.push_back({.random = root.child("net/" + std::to_string(device))});
    }
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

void SimNetwork::heal() {
    for (auto& place : places_) {
        place.cut_until[0] = place.cut_until[1] = place.lag_until = place.stalled_until = Instant{};
    }
    // What waited for the end of a cut waits no longer.
    for (auto const& circuit : circuits_) {
        circuit->run(Circuit::Way::up);
        circuit->run(Circuit::Way::down);
    }
}

std::shared_ptr<Circuit> SimNetwork::connect(std::uint64_t device, CircuitEnd& device_end) {
    forget_dead();
    auto circuit = std::make_shared<Circuit>(*this, device, device_end);
    circuits_.push_back(circuit);
    circuit->send(Circuit::Way::up, {Packet::Kind::open});
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
        std::chrono::microseconds(knobs_.delay_us + place.random.below(knobs_.jitter_us + 1));
    return jitter + (clock_.now() < place.lag_until ? place.more : Duration{});
}

Instant SimNetwork::passable(std::uint64_t device, Circuit::Way way) const {
    auto const& place = places_[device];
    auto const cut = place.cut_until[static_cast<std::size_t>(way)];
    return way == Circuit::Way::down ? std::max(cut, place.stalled_until) : cut;
}

namespace {

/// A device's end. Packets come in on the network's lane and are heard on the device's loop.
class DeviceEnd final : public Connection, public CircuitEnd {
  public:
    DeviceEnd(SimNetwork& network, Executor& loop, std::uint64_t device, ConnectionEvents& events)
        : loop_(loop), events_(events), circuit_(network.connect(device, *this)) {}

    ~DeviceEnd() override {
        *alive_ = false;
        if (!ended_) {
            circuit_->send(Circuit::Way::up, {Packet::Kind::reset});
        }
        circuit_->leave(Circuit::Way::down);
    }

    void send(Bytes message) override {
        if (ended_ || closing_) {
            return;
        }
        if (!open_) {
            waiting_.push_back(std::move(message));
            return;
        }
        circuit_->send(Circuit::Way::up, {Packet::Kind::data, std::move(message)});
    }
    std::size_t queued_bytes() const override {
        return circuit_->bytes_under_way(Circuit::Way::up);
    }
    void close() override {
        if (ended_ || std::exchange(closing_, true)) {
            return;
        }
        circuit_->send(Circuit::Way::up, {Packet::Kind::finish});
        close_timer_ = loop_.after(std::chrono::seconds(3), [this] {
            end(Error{Errc::connection_closed, "closed"});
        });
    }

    void on_packet(Packet packet) override {
        // Half of what a dead process was sent is still answered by its kernel, not by it.
        if (packet.kind == Packet::Kind::ping) {
            circuit_->send(Circuit::Way::up, {Packet::Kind::pong});
            return;
        }
        loop_.post([this, alive = alive_, packet = std::move(packet)] {
            if (*alive && !ended_) {
                hear(packet);
            }
        });
    }

  private:
    void hear(Packet const& packet) {
        switch (packet.kind) {
            case Packet::Kind::opened:
                open_ = true;
                for (auto& message : std::exchange(waiting_, {})) {
                    circuit_->send(Circuit::Way::up, {Packet::Kind::data, std::move(message)});
                }
                events_.on_open();
                break;
            case Packet::Kind::data:
                events_.on_message(packet.bytes);
                break;
            case Packet::Kind::finish:
                end(Error{Errc::connection_closed, "by the server"});
                break;
            default:
                end(Error{open_ ? Errc::connection_closed : Errc::unavailable, "reset"});
        }
    }
    void end(Error const& why) {
        ended_ = true;
        close_timer_.reset();
        circuit_->leave(Circuit::Way::down);
        events_.on_close(why);
    }

    Executor& loop_;
    ConnectionEvents& events_;
    std::shared_ptr<Circuit> circuit_;
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

}  // namespace capstan::simulator
