// Thirteen years of a shared document with real lag: what causal order decides otherwise than
// arrival order, and that a conflict record tells of each such decision.
#include "support/simple_icons.hpp"

#include <boost/test/unit_test.hpp>

#include "history.hpp"
#include "support/needs.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;
std::vector<PastEvent> load() {
    std::vector<PastEvent> events;
    for (auto& [request, seq, preceding, content] : icon_events()) {
        PastEvent event;
        event.event = std::move(content);
        event.stamp.seq = seq;
        event.stamp.run_first = seq;
        event.stamp.preceding_seq = preceding;
        store(event.stamp.device.bytes.data(), request + 2);
        events.push_back(std::move(event));
    }
    return events;
}

using Fields = std::map<std::pair<std::string, std::string>, std::optional<Value>>;

Fields shown(Model const& model) {
    Fields out;
    KeyRanges const by_id(model);
    for (Object const* object : by_id.objects()) {
        if (model.tables().names.str(object->type) == "Icon") {
            for (Field const& field : object->fields.all()) {
                auto const& name = model.tables().names.str(field.name);
                out[{object->id, name}] = model.value(*object, name);
            }
        }
    }
    return out;
}

/// What one comparison found.
struct Outcome {
    std::size_t icons = 0;
    std::size_t conflicts = 0;
    std::size_t for_the_earlier = 0;
    std::size_t different = 0;  // fields that arrival order shows otherwise
};

/// Both orders over the same events. Devices had seen 0, 1, 2, 3 or 4 times `lag` events less than
/// recorded.
Outcome compare(std::vector<PastEvent> const& events, std::uint64_t lag) {
    Model causal;
    Model arrival;
    Model read_back;
    arrival.apply(policy_event({RegisterRule::arrival}), {Seq{1}, {}, Seq{1}, {}, {}}, nullptr);
    std::set<std::pair<std::string, std::string>> explained;
    Outcome out;
    for (PastEvent const& event : events) {
        EventStamp stamp = event.stamp;
        auto const less = std::to_integer<std::uint64_t>(stamp.device.bytes[0]) % 5 * lag;
        stamp.preceding_seq.value -= std::min(less, stamp.preceding_seq.value);
        auto const changes = apply(causal, event.event, stamp);
        for (Conflict const& conflict : changes.conflicts) {
            ++out.conflicts;
            explained.insert({conflict.object, conflict.field});
            out.for_the_earlier += conflict.winner.seq < conflict.loser.seq;
        }
        read_back.apply(decode_event(encode_event(event.event)).value(), stamp, nullptr);
        // The policy took the first seq there.
        stamp.seq = stamp.seq.next();
        stamp.run_first = stamp.seq;
        stamp.preceding_seq = stamp.preceding_seq.next();
        arrival.apply(event.event, stamp, nullptr);
    }
    causal.check_invariants();
    BOOST_TEST(read_back.state_hash() == causal.state_hash());
    BOOST_TEST(causal.size() == arrival.size() - 1);
    out.icons = causal.size();
    auto const one = shown(causal);
    auto const other = shown(arrival);
    BOOST_TEST(one.size() == other.size());
    for (auto const& [place, value] : one) {
        if (other.at(place) != value) {
            ++out.different;
            BOOST_TEST(explained.contains(place), place.first << "." << place.second);
        }
    }
    return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(real_history_differs_from_arrival_order_only_where_a_record_says_so,
                     *capstan::test::needs_environment("CAPSTAN_DATA",
                                                       "export CAPSTAN_DATA=<folder of traces>")) {
    auto const events = load();
    BOOST_TEST(events.size() == 4'550U);
    auto const recorded = compare(events, 0);
    BOOST_TEST(recorded.icons == 3'468U);
    BOOST_TEST(recorded.conflicts == 1U);  // two people at one field: once in thirteen years
    BOOST_TEST(recorded.different == 0U);
    // Had most of them been offline for hundreds of events more, causal order would have its say.
    auto const offline = compare(events, 300);
    BOOST_TEST_MESSAGE(offline.icons << " icons, " << offline.conflicts << " conflicts, "
                                     << offline.for_the_earlier << " for the earlier write, "
                                     << offline.different << " fields differ");
    BOOST_TEST(offline.conflicts > 100U);
    BOOST_TEST(offline.different > 0U);
    BOOST_TEST(offline.different <= offline.for_the_earlier);
}
