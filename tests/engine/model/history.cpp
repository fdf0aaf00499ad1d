#include "history.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <memory>
#include <tuple>

namespace capstan::test {
namespace {

struct Device {
    std::uint64_t applied = 0;   // a prefix of the stream
    std::uint64_t authored = 0;  // never falls
    std::vector<Event> outbox;
};

/// Places are brought into the author's view when the event is published.
Op random_edit(std::string const& object) {
    std::string const letters = *rc::gen::element<std::string>("", "e", "f", "gh", "ijk");
    auto const at = *rc::gen::inRange<std::uint64_t>(0, 12);
    auto const count = *rc::gen::weightedElement<std::uint64_t>({{3, 0}, {2, 1}, {1, 3}});
    switch (*rc::gen::weightedElement<int>({{3, 0}, {2, 1}, {1, 2}})) {
        case 0:
            return {.kind = OpKind::splice,
                    .object = object,
                    .field = "t",
                    .value = letters,
                    .at = at,
                    .count = count};
        case 1:
            return {.kind = OpKind::list_insert,
                    .object = object,
                    .field = "l",
                    .value = std::string(1, "lmno"[at % 4]),
                    .at = at};
        default:
            return {.kind = OpKind::list_remove,
                    .object = object,
                    .field = "l",
                    .at = at,
                    .count = count};
    }
}

Op random_op(std::string const& object, bool content) {
    std::string const value(1, static_cast<char>('a' + *rc::gen::inRange(0, 4)));
    auto const number = std::int64_t{*rc::gen::inRange(1, 4)};
    switch (*rc::gen::weightedElement<int>({{4, 0},
                                            {1, 1},
                                            {2, 2},
                                            {1, 3},
                                            {2, 4},
                                            {2, 5},
                                            {2, 6},
                                            {2, 7},
                                            {2, 8},
                                            {2, 9},
                                            {content ? 8U : 0U, 10}})) {
        case 0:
            return {.kind = OpKind::set, .object = object, .field = "r", .value = value};
        case 1:
            return {.kind = OpKind::unset, .object = object, .field = "r"};
        case 2:
            return {.kind = OpKind::add, .object = object, .field = "c", .value = number};
        case 3:
            return {.kind = OpKind::counter_set, .object = object, .field = "c", .value = number};
        case 4:
            return {.kind = OpKind::set_add, .object = object, .field = "s", .value = value};
        case 5:
            return {.kind = OpKind::set_remove, .object = object, .field = "s", .value = value};
        case 6:
            return {.kind = OpKind::map_put,
                    .object = object,
                    .field = "m",
                    .value = value,
                    .key = *rc::gen::element<std::string>("k", "l")};
        case 7:
            return {.kind = OpKind::map_remove,
                    .object = object,
                    .field = "m",
                    .key = *rc::gen::element<std::string>("k", "l")};
        case 8:
            return {.kind = OpKind::insert, .object = object, .type = "T"};
        case 10:
            return random_edit(object);
        default:
            return {.kind = OpKind::remove, .object = object};
    }
}

Event random_event(bool content) {
    Event event;
    auto const count = *rc::gen::weightedElement<int>({{6, 1}, {2, 2}, {1, 3}});
    for (int n = 0; n < count; ++n) {
        event.ops.push_back(random_op(*rc::gen::element<std::string>("x", "y"), content));
    }
    return event;
}

class Stream {
  public:
    Stream(HistoryOptions const& options) : options_(options), naive_(options.rules) {
        append(0, {policy_event(options.rules)}, 0);
        append(0,
               {Event{{{.kind = OpKind::insert, .object = "x", .type = "T"},
                       {.kind = OpKind::insert, .object = "y", .type = "T"}},
                      {}}},
               1);
    }

    /// The outbox goes as one run.
    void publish(std::size_t which, Device& device, std::uint64_t mark) {
        if (!device.outbox.empty()) {
            append(which, std::exchange(device.outbox, {}), device.applied);
        }
        mark_ = std::max(mark_, std::min(mark, events_.size()));
    }
    std::uint64_t head() const { return events_.size(); }
    std::vector<PastEvent> take() {
        std::vector<PastEvent> out;
        for (auto& event : events_) {
            out.push_back(std::move(*event));
        }
        return out;
    }

  private:
    void append(std::size_t which, std::vector<Event> run, std::uint64_t p) {
        auto const run_first = Seq{events_.size() + 1};
        for (Event& event : run) {
            PastEvent next;
            next.stamp = {Seq{events_.size() + 1},
                          Seq{p},
                          run_first,
                          Seq{options_.marks ? mark_ : 0},
                          device_of(which)};
            next.a = std::min(event.authored_p.value_or(Seq{p}).value, p);
            for (auto const& before : events_) {
                bool const own = before->stamp.device == next.stamp.device;
                if (own || before->seq() <= next.a) {
                    next.past.insert(before->seq());
                }
                if (own || before->seq() <= p) {
                    next.past_at_p.insert(before->seq());
                }
            }
            next.event = std::move(event);
            bring_into_view(next);
            events_.push_back(std::make_unique<PastEvent>(std::move(next)));
            naive_.apply(*events_.back());
        }
    }

    /// Most edits lie in what their author saw; one in eight stays as it was drawn.
    void bring_into_view(PastEvent& event) {
        std::map<std::pair<std::string, std::string>, NaiveText> texts;
        for (Op& op : event.event.ops) {
            if (!is_edit(op.kind) || *rc::gen::inRange(0, 8) == 0) {
                continue;
            }
            auto const [at, fresh] = texts.try_emplace({op.object, op.field});
            NaiveText& text = at->second;
            if (fresh) {
                text = naive_.merged(op.object, op.field);
            }
            auto const one = naive_event(event, {});
            auto const items = text.visible(one.p, one.device);
            op.at %= items + 1;
            op.count = std::min(op.count, items - op.at);
            text.apply(naive_event(event, {edit_of(op)}));
        }
    }

    HistoryOptions options_;
    NaiveModel naive_;
    std::vector<std::unique_ptr<PastEvent>> events_;  // the naive model refers to them
    std::uint64_t mark_ = 0;
};

}  // namespace

DeviceId device_of(std::size_t number) {
    DeviceId id;
    id.bytes[0] = static_cast<std::byte>(number + 1);
    return id;
}

Event policy_event(NaiveRules const& rules) {
    Event event{{{.kind = OpKind::insert, .object = "policy", .type = std::string(kPolicyType)}},
                {}};
    auto const say = [&](std::string const& field, std::string_view word) {
        event.ops.push_back({.object = "policy", .field = field, .value = std::string(word)});
    };
    say("register", to_string(rules.reg));
    say("set", to_string(rules.elements));
    say("delete", to_string(rules.deletion));
    return event;
}

std::string to_text(std::vector<PastEvent> const& history) {
    std::string out;
    for (PastEvent const& event : history) {
        out += "seq " + std::to_string(event.seq()) + " d" +
               std::to_string(static_cast<int>(event.stamp.device.bytes[0])) + " p " +
               std::to_string(event.stamp.preceding_seq.value) + " a " + std::to_string(event.a) +
               " run " + std::to_string(event.stamp.run_first.value) + " mark " +
               std::to_string(event.stamp.mark.value);
        for (Op const& op : event.event.ops) {
            out += " | " + std::to_string(static_cast<int>(op.kind)) + " " + op.object + " " +
                   op.field + " " + op.key + " " + std::to_string(op.at) + "-" +
                   std::to_string(op.count);
        }
        out += "\n";
    }
    return out;
}

std::vector<PastEvent> random_history(HistoryOptions const& options) {
    std::vector<Device> devices(*rc::gen::inRange<std::size_t>(2, 5),
                                Device{options.start, options.start, {}});
    Stream stream(options);
    auto const steps = *rc::gen::inRange(0, 60);
    for (int step = 0; step < steps; ++step) {
        auto const which = *rc::gen::inRange<std::size_t>(0, devices.size());
        Device& device = devices[which];
        switch (*rc::gen::weightedElement<int>({{5, 0}, {2, 1}, {3, 2}})) {
            case 0:
                device.outbox.push_back(random_event(options.content));
                break;
            case 1:
                device.applied = std::min(stream.head(),
                                          device.applied + *rc::gen::inRange<std::uint64_t>(1, 9));
                break;
            default: {
                if (options.authored_p && *rc::gen::inRange(0, 4) == 0) {
                    device.authored = std::max(
                        device.authored, *rc::gen::inRange<std::uint64_t>(1, device.applied + 1));
                    for (Event& event : device.outbox) {
                        event.authored_p = Seq{device.authored};
                    }
                } else {
                    device.authored = device.applied;
                }
                stream.publish(which, device, *rc::gen::inRange<std::uint64_t>(0, stream.head()));
                break;
            }
        }
    }
    return stream.take();
}

}  // namespace capstan::test
