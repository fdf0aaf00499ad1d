// Pending mutations on top of a model show what replaying them would.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/model/overlay.hpp>

#include "history.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

Field const* confirmed(Model const& model,
                       std::string const& id,
                       std::string const& name,
                       FieldKind kind) {
    Object const* const object = model.find(id);
    auto const number = model.tables().names.find(name);
    return object == nullptr || !number ? nullptr : object->fields.find(*number, kind);
}

constexpr std::array kFields{std::pair{"r", FieldKind::reg},
                             std::pair{"c", FieldKind::counter},
                             std::pair{"s", FieldKind::set},
                             std::pair{"m", FieldKind::map},
                             std::pair{"t", FieldKind::text},
                             std::pair{"l", FieldKind::list}};

/// What a field shows, stamps aside: pending ones have none yet.
std::string shown(Field const* field) {
    std::string out;
    if (field == nullptr) {
        return out;
    }
    std::vector<StampedValue> values;
    if (field->value.more) {
        values = field->value.more->entries;
    }
    values.push_back({field->value.value, field->value.write});
    for (auto const& [value, write] : values) {
        out += value.absent() ? "" : value.key() + ",";
    }
    if (field->text() != nullptr) {
        out += field->text()->content().str();
    }
    for (Value const& value : list_values(*field)) {
        out += std::get<std::string>(value);
    }
    if (field->more) {
        for (auto const& [key, element] : field->more->elements) {
            out += element.present() ? key + "=" + element.value.value.key() + "," : "";
        }
    }
    return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pending_mutations)

/// The newest events of one device are pending at first and come in with their seqs one by one,
/// between those of others; the model with the overlay equals a replay of both at every step.
RC_BOOST_PROP(a_model_with_pending_mutations_equals_their_replay, ()) {
    NaiveRules const rules{static_cast<RegisterRule>(*rc::gen::inRange(0, 6)),
                           static_cast<SetRule>(*rc::gen::inRange(0, 2)),
                           static_cast<DeleteRule>(*rc::gen::inRange(0, 3))};
    auto const history = random_history({rules});
    auto const cut = *rc::gen::inRange<std::size_t>(0, history.size() + 1);
    DeviceId const own = device_of(*rc::gen::inRange<std::size_t>(0, 2));
    Model model;
    Overlay overlay(model, own);
    for (std::size_t i = 0; i < cut; ++i) {
        model.apply(history[i].event, history[i].stamp, nullptr);
    }
    std::vector<std::pair<std::uint64_t, PastEvent const*>> pending;
    for (std::size_t i = cut; i < history.size(); ++i) {
        // A device makes its mutations where its model stands: never below the mark there.
        if (history[i].stamp.device == own && history[i].stamp.preceding_seq >= model.mark()) {
            pending.emplace_back(overlay.add(history[i].event, history[i].stamp.preceding_seq),
                                 &history[i]);
        }
    }
    auto const refused = *rc::gen::inRange<std::size_t>(0, pending.size() + 1);
    PastEvent const* refused_event = nullptr;
    if (refused < pending.size()) {
        refused_event = pending[refused].second;
        overlay.remove(pending[refused].first);
        pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(refused));
    }
    auto const check = [&](std::size_t confirmed_events) {
        Model replay(Model::Collect::when_told);
        for (std::size_t i = 0; i < confirmed_events; ++i) {
            bool const gone = &history[i] == refused_event;
            replay.apply(gone ? Event{} : history[i].event, history[i].stamp, nullptr);
        }
        for (auto const& [local, event] : pending) {
            if (event->seq() > confirmed_events) {
                EventStamp stamp = event->stamp;
                stamp.seq.value = (std::uint64_t{1} << 63) + local;
                stamp.run_first.value = std::uint64_t{1} << 63;
                stamp.mark = std::min(replay.mark(), stamp.preceding_seq);  // its author moves p
                replay.apply(event->event, stamp, nullptr);
            }
        }
        for (std::string const id : {"x", "y"}) {
            RC_ASSERT((overlay.find(id) == nullptr) == (replay.find(id) == nullptr));
            for (auto const& [name, kind] : kFields) {
                RC_ASSERT(shown(overlay.field(id, name, kind)) ==
                          shown(confirmed(replay, id, name, kind)));
            }
        }
    };
    check(cut);
    for (std::size_t i = cut; i < history.size(); ++i) {
        auto const mine =
            std::ranges::find(pending, &history[i], [](auto const& one) { return one.second; });
        bool const gone = &history[i] == refused_event;
        model.apply(gone ? Event{} : history[i].event, history[i].stamp, nullptr);
        overlay.touched(history[i].event);
        if (mine != pending.end()) {
            overlay.remove(mine->first);
        }
        check(i + 1);
    }
    RC_ASSERT(overlay.pending() == 0U);
    RC_ASSERT(overlay.touched_objects().empty());
}

/// What a user sees of both objects.
std::string seen_by_user(Overlay& overlay) {
    std::string out;
    for (std::string const id : {"x", "y"}) {
        out += overlay.find(id) == nullptr ? "dead " : "alive ";
        for (auto const& [name, kind] : kFields) {
            out += shown(overlay.field(id, name, kind)) + " ";
        }
    }
    return out;
}

/// Pending mutations of a device at some point of a history.
struct Offline {
    explicit Offline(HistoryOptions const& options)
        : history(random_history(options)), own(device_of(*rc::gen::inRange<std::size_t>(0, 2))) {
        auto const cut = *rc::gen::inRange<std::size_t>(0, history.size() + 1);
        auto const from = *rc::gen::inRange<std::size_t>(0, cut + 1);
        for (std::size_t i = 0; i < cut; ++i) {
            bool const mine = history[i].stamp.device == own && i >= from &&
                              history[i].stamp.preceding_seq >= model.mark() &&
                              history[i].stamp.preceding_seq <= model.head();
            if (mine) {
                locals.push_back(overlay.add(history[i].event, history[i].stamp.preceding_seq));
            }
            // What is pending did not come in; its seq stays empty.
            model.apply(mine ? Event{} : history[i].event, history[i].stamp, nullptr);
            overlay.touched(history[i].event);
        }
    }

    std::vector<PastEvent> history;
    DeviceId own;
    Model model{};
    Overlay overlay{model, own};
    std::vector<std::uint64_t> locals;
};

/// Sends what a rebase made of the pending mutations to a copy of the stream.
void send(Model& server, DeviceId const& own, std::vector<Overlay::Rebased> const& rebased) {
    for (auto const& [local, p, event] : rebased) {
        Seq const seq{server.head().value + 1};
        server.apply(event, {seq, p, seq, std::min(server.mark(), p), own}, nullptr);
    }
}

std::string letters(Model const& model, std::string const& id) {
    Object const* const object = model.find(id);
    std::string out = object == nullptr ? "dead" : model.text(*object, "t") + "/";
    if (object != nullptr) {
        for (Value const& value : model.list(*object, "l")) {
            out += std::get<std::string>(value);
        }
    }
    return out;
}

std::string letters(Overlay& overlay, std::string const& id) {
    std::string out =
        overlay.find(id) == nullptr ? std::string("dead") : overlay.text(id, "t") + "/";
    for (Value const& value : overlay.list(id, "l")) {
        out += std::get<std::string>(value);
    }
    return out;
}

/// Nothing is refused but for lateness: what the user sees stays, and is what all will see.
RC_BOOST_PROP(a_rebase_says_the_same_at_the_head, ()) {
    Offline device(HistoryOptions{.rules = {}, .authored_p = false});
    auto const before = letters(device.overlay, "x") + " " + letters(device.overlay, "y");
    auto const rebased = device.overlay.rebase({});
    RC_ASSERT(rebased.size() == device.locals.size());
    RC_ASSERT(letters(device.overlay, "x") + " " + letters(device.overlay, "y") == before);
    auto const expected = seen_by_user(device.overlay);
    send(device.model, device.own, rebased);
    for (auto const local : device.locals) {
        device.overlay.remove(local);
    }
    RC_ASSERT(device.overlay.pending() == 0U);
    RC_ASSERT(seen_by_user(device.overlay) == expected);
}

/// Whatever is refused, what is left is what the stream becomes once it is sent: a state that some
/// history explains.
RC_BOOST_PROP(refusals_leave_what_some_history_explains, ()) {
    NaiveRules const rules{RegisterRule::causal,
                           static_cast<SetRule>(*rc::gen::inRange(0, 2)),
                           static_cast<DeleteRule>(*rc::gen::inRange(0, 3))};
    Offline device(HistoryOptions{rules});
    std::vector<std::uint64_t> refused;
    for (auto const local : device.locals) {
        if (*rc::gen::inRange(0, 2) == 0) {
            refused.push_back(local);
        }
    }
    auto const rebased = device.overlay.rebase(refused);
    RC_ASSERT(rebased.size() == device.locals.size() - refused.size());
    auto const expected = seen_by_user(device.overlay);
    send(device.model, device.own, rebased);
    for (auto const local : device.locals) {
        device.overlay.remove(local);
    }
    RC_ASSERT(seen_by_user(device.overlay) == expected);
}

BOOST_AUTO_TEST_SUITE_END()
