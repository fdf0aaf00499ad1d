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
    auto const history = random_history({rules, true, false});
    auto const cut = *rc::gen::inRange<std::size_t>(0, history.size() + 1);
    DeviceId const own = device_of(*rc::gen::inRange<std::size_t>(0, 2));
    Model model;
    Overlay overlay(model, own);
    for (std::size_t i = 0; i < cut; ++i) {
        model.apply(history[i].event, history[i].stamp, nullptr);
    }
    std::vector<std::pair<std::uint64_t, PastEvent const*>> pending;
    for (std::size_t i = cut; i < history.size(); ++i) {
        if (history[i].stamp.device == own) {
            pending.emplace_back(overlay.add(history[i].event, history[i].stamp.preceding_seq),
                                 &history[i]);
        }
    }
    auto const refused = *rc::gen::inRange<std::size_t>(0, pending.size() + 1);
    if (refused < pending.size()) {
        overlay.remove(pending[refused].first);
        pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(refused));
    }
    auto const check = [&](std::size_t confirmed_events) {
        Model replay;
        for (std::size_t i = 0; i < confirmed_events; ++i) {
            bool const gone = i >= cut && history[i].stamp.device == own &&
                              std::ranges::find(pending, &history[i], [](auto const& one) {
                                  return one.second;
                              }) == pending.end();
            replay.apply(gone ? Event{} : history[i].event, history[i].stamp, nullptr);
        }
        for (auto const& [local, event] : pending) {
            if (event->seq() > confirmed_events) {
                EventStamp stamp = event->stamp;
                stamp.seq.value = (std::uint64_t{1} << 63) + local;
                stamp.run_first.value = std::uint64_t{1} << 63;
                replay.apply(event->event, stamp, nullptr);
            }
        }
        for (std::string const id : {"x", "y"}) {
            RC_ASSERT((overlay.find(id) == nullptr) == (replay.find(id) == nullptr));
            for (auto const& [name, kind] : {std::pair{"r", FieldKind::reg},
                                             {"c", FieldKind::counter},
                                             {"s", FieldKind::set},
                                             {"m", FieldKind::map}}) {
                RC_ASSERT(shown(overlay.field(id, name, kind)) ==
                          shown(confirmed(replay, id, name, kind)));
            }
        }
    };
    check(cut);
    for (std::size_t i = cut; i < history.size(); ++i) {
        auto const mine =
            std::ranges::find(pending, &history[i], [](auto const& one) { return one.second; });
        bool const gone = history[i].stamp.device == own && mine == pending.end();
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

BOOST_AUTO_TEST_SUITE_END()
