// What stood before a conflict, and resolvers: who decides, once, and what stands against it.
#include <boost/test/unit_test.hpp>
#include <set>

#include "replica_bed.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

using Words = std::set<std::string>;

Words words(std::optional<Value> const& value) {
    Words found;
    auto const* const text = value ? std::get_if<std::string>(&*value) : nullptr;
    std::string word;
    for (char const letter : text == nullptr ? std::string() : *text + ' ') {
        if (letter != ' ') {
            word += letter;
        } else if (!word.empty()) {
            found.insert(std::exchange(word, {}));
        }
    }
    return found;
}

/// Three-way: what any side added to the base is in, what any side took from it is out.
std::string merged(sync::Dispute const& dispute) {
    auto const base = dispute.base ? words(dispute.base->value) : Words();
    Words all = base;
    for (ConflictSide const& side : dispute.sides) {
        all.merge(words(side.value));
    }
    std::string out;
    for (std::string const& word : all) {
        bool const taken = base.contains(word) &&
                           std::ranges::any_of(dispute.sides, [&word](ConflictSide const& side) {
                               return !words(side.value).contains(word);
                           });
        out += taken ? "" : (out.empty() ? "" : " ") + word;
    }
    return out;
}

struct Tags : Pair {
    explicit Tags(char const* rule = "causal") {
        write(a,
              {insert("x"),
               set("x", "tags", std::string("base gone")),
               {.kind = OpKind::insert, .object = "rule", .type = std::string(kPolicyType)},
               set("rule", "type", std::string("Thing")),
               set("rule", "register", std::string(rule))});
        settle();
    }
    void keep_resolver(ReplicaDevice& device, bool for_all = false) {
        device.prepare = [this, &device, for_all](sync::Replica& replica) {
            replica.resolve_by(
                {.type = "Thing",
                 .field = "tags",
                 .decide =
                     [this, &device](auto& m, sync::Dispute const& dispute) {
                         ++decided[device.name()];
                         disputes.push_back(dispute);
                         m.set(dispute.place.object, dispute.place.field, merged(dispute));
                     },
                 .for_all = for_all});
        };
        device.prepare(device.replica());
        device.run();
    }
    /// Both write, unaware of each other.
    void quarrel() {
        write(a, {set("x", "tags", std::string("base gone from-a"))});
        write(b, {set("x", "tags", std::string("base from-b"))});
        settle();
    }
    std::string tags(ReplicaDevice& device) {
        return std::get<std::string>(*device.view().value("x", "tags"));
    }

    std::map<std::string, int> decided;
    std::vector<sync::Dispute> disputes;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(replica_resolve)

BOOST_AUTO_TEST_CASE(a_conflict_is_known_with_what_both_had_seen) {
    Tags bed;
    bed.quarrel();
    auto const& conflicts = bed.a.replica().conflicts().newest();
    BOOST_REQUIRE(conflicts.size() == 1U);
    auto const base = bed.a.replica().base_of(conflicts.front());
    BOOST_REQUIRE(base.has_value());
    BOOST_TEST((base->seq == Seq{1}));
    BOOST_TEST((base->value == Value{std::string("base gone")}));
}

BOOST_AUTO_TEST_CASE(two_devices_with_a_resolver_decide_once) {
    for (char const* rule : {"causal", "multi"}) {
        BOOST_TEST_CONTEXT(rule) {
            Tags bed(rule);
            bed.keep_resolver(bed.a);
            bed.keep_resolver(bed.b);
            bed.quarrel();
            BOOST_TEST(bed.tags(bed.a) == "base from-a from-b");
            BOOST_TEST(bed.tags(bed.b) == "base from-a from-b");
            BOOST_TEST(bed.disputes.size() == 1U);
            BOOST_TEST(bed.server.tape(kStream).size() == 4U);
            BOOST_TEST(sync::find_disputes(bed.a.replica().model(), "Thing", "tags").empty());
        }
    }
}

BOOST_AUTO_TEST_CASE(what_stands_in_dispute_when_the_resolver_comes_is_decided) {
    Tags bed("multi");
    bed.quarrel();
    BOOST_TEST(bed.a.replica().is_open(bed.a.replica().conflicts().newest().front()));
    bed.keep_resolver(bed.a);
    bed.keep_resolver(bed.b);
    bed.settle();
    BOOST_TEST(bed.disputes.size() == 1U);
    BOOST_TEST(!bed.a.replica().is_open(bed.a.replica().conflicts().newest().front()));
}

/// Processes end at any of the first effects: also after a device has decided, and before that is
/// on its disk.
BOOST_AUTO_TEST_CASE(a_decision_that_a_crash_took_is_made_again) {
    bool was_made_again = false;
    for (std::uint64_t effects = 1; effects < 40; ++effects) {
        Tags bed("multi");
        bed.keep_resolver(bed.a);
        bed.keep_resolver(bed.b);
        bed.write(bed.a, {set("x", "tags", std::string("from-a"))});
        bed.write(bed.b, {set("x", "tags", std::string("from-b"))});
        bed.a.effects_until_crash = effects;
        bed.b.effects_until_crash = effects;
        bed.settle();
        bed.a.effects_until_crash = 0;
        bed.b.effects_until_crash = 0;
        bed.settle();
        BOOST_TEST(bed.a.replica().state_hash() == bed.b.replica().state_hash());
        BOOST_TEST(sync::find_disputes(bed.a.replica().model(), "Thing", "tags").empty());
        was_made_again = was_made_again || bed.disputes.size() > 1;
    }
    BOOST_TEST(was_made_again);
}

BOOST_AUTO_TEST_CASE(a_device_for_all_decides_what_others_wrote) {
    Tags bed;
    ReplicaDevice backend("c", bed.dice, bed.server, {}, kStream);
    bed.keep_resolver(backend, true);
    bed.settle({&backend});
    bed.quarrel();
    bed.settle({&backend, &bed.a, &bed.b});
    BOOST_TEST(bed.decided["c"] == 1);
    BOOST_TEST(bed.tags(bed.a) == "base from-a from-b");
}

BOOST_AUTO_TEST_CASE(a_person_who_knows_the_decision_may_take_it_back) {
    Tags bed;
    bed.keep_resolver(bed.a);
    bed.keep_resolver(bed.b);
    bed.quarrel();
    bed.write(bed.b, {set("x", "tags", std::string("base from-b"))});
    bed.settle();
    BOOST_TEST(bed.tags(bed.a) == "base from-b");
    BOOST_TEST(bed.disputes.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_decision_is_no_step_of_the_user_and_what_it_overwrote_is_none_either) {
    Tags bed;
    for (auto* const device : {&bed.a, &bed.b}) {
        device->replica().keep_undo();
        bed.keep_resolver(*device);
    }
    bed.quarrel();
    for (auto* const device : {&bed.a, &bed.b}) {
        BOOST_TEST(device->replica().undo_steps() == 1U);
        BOOST_TEST(!device->undo());
        BOOST_TEST(bed.tags(*device) == "base from-a from-b");
    }
}

BOOST_AUTO_TEST_CASE(own_writes_on_their_way_speak_first) {
    Tags bed;
    bed.keep_resolver(bed.a, true);
    bed.write(bed.b, {set("x", "tags", std::string("from-b"))});
    bed.settle({&bed.b});
    bed.a.break_connection();
    bed.write(bed.a, {set("x", "tags", std::string("from-a"))});
    bed.settle();
    BOOST_REQUIRE(bed.disputes.size() == 1U);
    BOOST_TEST(bed.disputes.front().sides.size() == 2U);
    BOOST_TEST(bed.tags(bed.b) == "from-a from-b");
}

BOOST_AUTO_TEST_SUITE_END()
