#include "three_devices.hpp"

#include <algorithm>
#include <array>
#include <capstan/engine/model.hpp>
#include <deque>
#include <memory>
#include <vector>

namespace capstan::test {
namespace {

constexpr std::size_t kEventsMax = 400;

DeviceId id_of(std::size_t number) {
    DeviceId id;
    id.bytes[0] = static_cast<std::byte>(number + 1);
    return id;
}

/// Bytes as choices; zeros when they have run out.
class Choices {
  public:
    explicit Choices(ByteView bytes) : bytes_(bytes) {}
    std::uint64_t below(std::uint64_t end) { return bytes_.get<std::uint8_t>() % end; }
    bool one_in(std::uint64_t count) { return below(count) == 0; }
    bool done() const { return bytes_.rest().empty() || !bytes_.ok(); }

  private:
    ByteReader bytes_;
};

/// A mutation that the server has not taken yet.
struct Unsent {
    std::uint64_t local;
    Seq p;
    Event event;
};

struct Device {
    Device(std::size_t number, Model::Collect collect)
        : id(id_of(number)), model(collect), overlay(model, id) {}

    DeviceId id;
    Model model;
    Overlay overlay;
    std::deque<Unsent> unsent;
    Seq p_accepted;
};

struct Sequenced {
    Event event;
    EventStamp stamp;
    std::size_t device;
    std::uint64_t local;
    std::uint64_t state_hash;
};

class Play {
  public:
    explicit Play(ByteView schedule) : choices_(schedule) {
        for (std::size_t number = 0; number < 3; ++number) {
            devices_.push_back(std::make_unique<Device>(
                number, number == 0 ? Model::Collect::when_told : Model::Collect::as_applied));
        }
        begin();
    }

    Passed run() {
        while (!choices_.done() && log_.size() < kEventsMax) {
            step(choices_.below(3));
        }
        for (std::size_t which = 0; which < devices_.size(); ++which) {
            while (!devices_[which]->unsent.empty()) {
                publish(which);
            }
        }
        for (std::size_t which = 0; which < devices_.size(); ++which) {
            catch_up(which);
            finish(*devices_[which]);
        }
        server_.check_invariants();
        return passed_;
    }

  private:
    /// Both objects, and how their deletion is judged.
    void begin() {
        update_wins_ = choices_.one_in(2);
        std::string const rule(
            to_string(update_wins_ ? DeleteRule::update_wins : DeleteRule::delete_wins));
        Event event{{{.kind = OpKind::insert, .object = "p", .type = std::string(kPolicyType)},
                     {.object = "p", .field = "delete", .value = rule},
                     {.kind = OpKind::insert, .object = "x", .type = "T"},
                     {.kind = OpKind::insert, .object = "y", .type = "T"}},
                    {}};
        devices_[0]->unsent.push_back({devices_[0]->overlay.add(event, Seq{}), Seq{}, event});
        publish(0);
        for (std::size_t which = 0; which < devices_.size(); ++which) {
            catch_up(which);
        }
    }

    void step(std::size_t which) {
        Device& device = *devices_[which];
        switch (choices_.below(10)) {
            case 0:
            case 1:
            case 2:
            case 3:
                return mutate(device);
            case 4:
            case 5:
                return device.unsent.empty() ? void() : publish(which);
            case 6:
                return device.unsent.empty() || !choices_.one_in(2) ? void() : refuse(device);
            case 7:
                return device.model.collect();
            default:
                return device.model.head().value < log_.size() ? deliver(which) : void();
        }
    }

    void mutate(Device& device) {
        Event event;
        for (auto rest = 1 + choices_.below(3); rest > 0; --rest) {
            event.ops.push_back(random_op(device));
        }
        auto const p = device.model.head();
        device.unsent.push_back({device.overlay.add(event, p), p, std::move(event)});
    }

    Op random_op(Device& device) {
        std::string const object = choices_.one_in(2) ? "x" : "y";
        auto const size = [&](std::string_view field, FieldKind kind) {
            Field const* const found = device.overlay.field(object, field, kind);
            return found == nullptr ? 0 : found->size();
        };
        auto const letter = std::string(1, static_cast<char>('a' + choices_.below(26)));
        auto const kind = choices_.below(16);
        Op op{.object = object, .field = "f", .value = letter};
        if (kind == 0) {
            return {.kind = choices_.one_in(2) ? OpKind::remove : OpKind::insert,
                    .object = object,
                    .type = "T"};
        }
        if (kind < 8) {
            auto const items = size("t", FieldKind::text);
            op.kind = OpKind::splice;
            op.field = "t";
            op.at = choices_.below(items + 1);
            op.count = choices_.one_in(3) ? std::min(choices_.below(4), items - op.at) : 0;
            op.value = choices_.one_in(5) ? std::string() : letter + letter;
        } else if (kind < 13) {
            auto const items = size("l", FieldKind::list);
            op.kind = choices_.one_in(3) ? OpKind::list_remove : OpKind::list_insert;
            op.field = "l";
            op.at = choices_.below(items + 1);
            op.count = std::min(choices_.below(3), items - op.at);
        }
        return op;
    }

    /// The device's oldest unsent mutation, in a run of its own.
    void publish(std::size_t which) {
        Device& device = *devices_[which];
        if (device.unsent.front().p < mark_) {
            ++passed_.rebased;
            catch_up(which);
            rebase(device, {});
        }
        Unsent next = std::move(device.unsent.front());
        device.unsent.pop_front();
        Seq const seq{log_.size() + 1};
        log_.push_back(
            {std::move(next.event), {seq, next.p, seq, mark_, device.id}, which, next.local, 0});
        server_.apply(log_.back().event, log_.back().stamp, nullptr);
        log_.back().state_hash = server_.state_hash();
        device.overlay.accepted(next.local, seq);
        device.p_accepted = next.p;
        ++passed_.accepted;
        passed_.accepted_ahead += seq.value > device.model.head().value + 1 ? 1 : 0;
        std::array seen{devices_[0]->p_accepted, devices_[1]->p_accepted, devices_[2]->p_accepted};
        std::ranges::sort(seen);
        mark_ = std::max(mark_, seen[1]);  // who lags behind both others counts no more
    }

    void refuse(Device& device) {
        ++passed_.refused;
        rebase(device, {device.unsent.front().local});
    }

    void rebase(Device& device, std::vector<std::uint64_t> const& refused) {
        auto const before = shown(device);
        auto rebased = device.overlay.rebase(refused);
        // An update that would have revived its object knows of the deletion at the head.
        CAPSTAN_INVARIANT(!refused.empty() || update_wins_ || shown(device) == before,
                          before + " | " + shown(device));
        std::erase_if(device.unsent, [&](Unsent const& one) {
            return std::ranges::find(refused, one.local) != refused.end();
        });
        CAPSTAN_INVARIANT(rebased.size() == device.unsent.size());
        for (std::size_t i = 0; i < rebased.size(); ++i) {
            CAPSTAN_INVARIANT(rebased[i].local == device.unsent[i].local);
            device.unsent[i] = {
                rebased[i].local, rebased[i].preceding_seq, std::move(rebased[i].event)};
        }
    }

    void deliver(std::size_t which) {
        Device& device = *devices_[which];
        Sequenced const& next = log_[device.model.head().value];
        device.model.apply(next.event, next.stamp, nullptr);
        CAPSTAN_INVARIANT(device.model.state_hash() == next.state_hash);
        if (next.device == which) {
            device.overlay.remove(next.local);
        }
        device.overlay.touched(next.event);
    }

    void catch_up(std::size_t which) {
        while (devices_[which]->model.head().value < log_.size()) {
            deliver(which);
        }
    }

    /// What a user reads of both objects: texts and lists, which a rebase says anew.
    static std::string shown(Device& device) {
        std::string out;
        for (std::string const id : {"x", "y"}) {
            out += device.overlay.find(id) == nullptr ? "-" : device.overlay.text(id, "t");
            for (Value const& value : device.overlay.list(id, "l")) {
                out += "," + std::get<std::string>(value);
            }
        }
        return out;
    }

    void finish(Device& device) {
        CAPSTAN_INVARIANT(device.overlay.pending() == 0);
        CAPSTAN_INVARIANT(device.model.state_hash() == server_.state_hash());
        for (std::string const id : {"x", "y"}) {
            Object const* const object = server_.find(id);
            CAPSTAN_INVARIANT((device.overlay.find(id) == nullptr) == (object == nullptr));
            CAPSTAN_INVARIANT(object == nullptr ||
                              device.overlay.text(id, "t") == server_.text(*object, "t"));
        }
        device.model.collect();
        device.model.check_invariants();
    }

    Choices choices_;
    bool update_wins_ = false;
    Model server_;
    std::vector<std::unique_ptr<Device>> devices_;
    std::vector<Sequenced> log_;
    Seq mark_;
    Passed passed_;
};

}  // namespace

Passed play_three_devices(ByteView schedule) {
    return Play(schedule).run();
}

}  // namespace capstan::test
