#include <capstan/server/sim/sim_door.hpp>
#include <deque>
#include <utility>

namespace capstan {
namespace {

constexpr Duration kPingEvery = std::chrono::seconds(25);

}  // namespace

/// One connection: what `WebSocketConnection` is on sockets.
class SimDoor::End final : public SimCircuitEnd {
  public:
    End(SimDoor& door, std::shared_ptr<SimCircuit> circuit)
        : door_(door), circuit_(std::move(circuit)), ping_at_(now().plus(kPingEvery)) {
        session_ = door.host_.accept([this] { go_on(); }, now());
    }
    ~End() override {
        *alive_ = false;
        circuit_->leave(SimCircuit::Way::up);
        if (session_) {
            session_->on_close();
        }
    }

    void on_packet(SimPacket packet) override {
        door_.strand_.post([this, alive = alive_, packet = std::move(packet)]() mutable {
            if (*alive) {
                hear(std::move(packet));
            }
        });
    }
    void on_room() override {
        door_.strand_.post([this, alive = alive_] {
            if (*alive) {
                go_on();
            }
        });
    }
    void on_tick() {
        if (session_ && now() > ping_at_) {
            ping_at_ = now().plus(kPingEvery);
            circuit_->send(SimCircuit::Way::down, {SimPacket::Kind::ping});
        }
        go_on();
    }
    bool is_over() const { return session_ == nullptr; }

  private:
    Instant now() const { return door_.clock_.now(); }

    void hear(SimPacket packet) {
        if (!session_) {
            return;
        }
        ping_at_ = now().plus(kPingEvery);
        switch (packet.kind) {
            case SimPacket::Kind::data:
                inbox_.push_back(std::move(packet.bytes));
                go_on();
                break;
            case SimPacket::Kind::pong:
                session_->on_alive(now());
                break;
            case SimPacket::Kind::finish:
                end(SimPacket::Kind::finish);
                break;
            default:
                mark("a connection was reset");
                end(SimPacket::Kind::reset);
        }
    }

    /// Writes what the session wants, then reads what it takes.
    void go_on() {
        while (session_) {
            if (session_->ending() == Ending::at_once) {
                end(SimPacket::Kind::reset);
                return;
            }
            write();
            if (session_->ending() == Ending::after_writes && !session_->wants_write()) {
                end(SimPacket::Kind::finish);
                return;
            }
            if (inbox_.empty() || !session_->wants_read()) {
                return;
            }
            take_next();
        }
    }

    void take_next() {
        auto const message = std::move(inbox_.front());
        inbox_.pop_front();
        if (door_.hooks_.on_message) {
            door_.hooks_.on_message(*circuit_, message);
        }
        auto const taken = session_->on_message(message, now());
        if (door_.hooks_.on_taken) {
            door_.hooks_.on_taken(*circuit_, taken);
        }
    }

    void write() {
        auto const& options = door_.options_;
        while (circuit_->bytes_under_way(SimCircuit::Way::down) < options.window_bytes) {
            auto const message = session_->next_write(options.write_bytes);
            if (!message) {
                return;
            }
            auto whole = *message.first;
            if (message.second) {
                whole.insert(whole.end(), message.second->begin(), message.second->end());
            }
            circuit_->send(SimCircuit::Way::down, {SimPacket::Kind::data, std::move(whole)});
        }
        mark("a connection was full");
    }

    void end(SimPacket::Kind last_word) {
        circuit_->send(SimCircuit::Way::down, {last_word});
        circuit_->leave(SimCircuit::Way::up);
        std::exchange(session_, nullptr)->on_close();
    }

    void mark(std::string_view what) const {
        if (door_.hooks_.mark) {
            door_.hooks_.mark(what);
        }
    }

    SimDoor& door_;
    std::shared_ptr<SimCircuit> circuit_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::shared_ptr<Session> session_;
    std::deque<Bytes> inbox_;
    Instant ping_at_;
};

SimDoor::SimDoor(
    SessionHost& host, Clock& clock, Executor& strand, SimDoorOptions options, SimDoorHooks hooks)
    : host_(host), clock_(clock), strand_(strand), options_(options), hooks_(std::move(hooks)) {}

SimDoor::~SimDoor() = default;

SimCircuitEnd* SimDoor::take(std::shared_ptr<SimCircuit> circuit) {
    ends_.push_back(std::make_unique<End>(*this, std::move(circuit)));
    tick_soon();
    return ends_.back().get();
}

void SimDoor::tick_soon() {
    if (tick_ || ends_.empty()) {
        return;
    }
    tick_ = strand_.after(options_.tick, [this] {
        host_.on_tick(clock_.now());
        for (auto const& end : ends_) {
            end->on_tick();
        }
        std::erase_if(ends_, [](auto const& end) { return end->is_over(); });
        tick_.reset();
        tick_soon();
    });
}

}  // namespace capstan
