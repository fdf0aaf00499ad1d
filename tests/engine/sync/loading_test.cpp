// A device that loads a snapshot, or what changed since: when nothing comes, or something else.
#include <boost/test/unit_test.hpp>

#include "history.hpp"
#include "replica_device.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

constexpr char kStream[] = "acme/room/1";

sync::ClientOptions options_of(bool loads) {
    sync::ClientOptions options;
    options.chunks = loads ? plain_codec() : sync::ChunkCodec{};
    return options;
}

/// An author that reads events, and a server with habits.
struct Bed {
    explicit Bed(GatewayHabits const& habits)
        : server(dice, habits, &fold_internal::decide<fold_internal::AllRules>),
          author("a", dice, server, options_of(false), kStream) {}

    void write(std::size_t count) {
        for (; count > 0; --count) {
            auto const id = "t" + std::to_string(++written % 20);
            Event event;
            if (!author.view().type(id)) {
                event.ops.push_back({.kind = OpKind::insert, .object = id, .type = "Thing"});
            }
            event.ops.push_back(
                {.object = id, .field = "f", .value = static_cast<std::int64_t>(written)});
            BOOST_REQUIRE(author.mutate(std::move(event)).has_value());
            author.run();
            step(author, std::chrono::milliseconds(50));
        }
        for (int round = 0; round < 20; ++round) {
            step(author, std::chrono::milliseconds(500));
        }
    }
    void step(ReplicaDevice& device, Duration by) {
        device.advance(by);
        while (device.deliver_to_server() || server.fold_one()) {
        }
        server.push();
        while (device.receive()) {
        }
        BOOST_TEST(device.wrong().empty(), device.wrong());
    }
    void wait(ReplicaDevice& device, int seconds) {
        for (; seconds > 0; --seconds) {
            step(device, std::chrono::seconds(1));
        }
    }
    std::uint64_t times(char const* what) {
        auto const at = server.counts().find(what);
        return at == server.counts().end() ? 0 : at->second;
    }

    Dice dice{7};
    TestServer server;
    ReplicaDevice author;
    std::size_t written = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(loading)

BOOST_AUTO_TEST_CASE(a_reader_whose_snapshot_does_not_come_asks_anew) {
    Bed bed({.offers_snapshots = 1'000, .loses_chunks = 1'000});
    bed.write(60);
    ReplicaDevice cold("b", bed.dice, bed.server, options_of(true), kStream);
    bed.wait(cold, 25);
    BOOST_TEST(bed.times("snapshots offered") == 1U);
    bed.wait(cold, 10);
    BOOST_TEST(bed.times("snapshots offered") == 2U);
    BOOST_TEST((cold.replica().status().applied == Seq{}));
    bed.server.behave();
    bed.wait(cold, 40);
    BOOST_TEST(cold.counts["snapshots"] == 1U);
    BOOST_TEST(cold.has_read_all());
    BOOST_TEST(cold.replica().state_hash() == bed.author.replica().state_hash());
}

BOOST_AUTO_TEST_CASE(a_device_that_was_away_takes_what_changed) {
    Bed bed({.offers_snapshots = 1'000, .offers_deltas = 1'000});
    bed.write(40);
    ReplicaDevice away("b", bed.dice, bed.server, options_of(true), kStream);
    bed.wait(away, 5);
    BOOST_TEST(away.counts["snapshots"] == 1U);  // it had nothing that could have changed
    away.break_connection();
    bed.write(100);
    bed.wait(away, 10);
    BOOST_TEST(away.counts["folded deltas"] >= 1U);
    BOOST_TEST(away.counts["snapshots"] == 1U);
    BOOST_TEST(away.has_read_all());
    BOOST_TEST(away.replica().state_hash() == bed.author.replica().state_hash());
    away.crash();
    BOOST_TEST(away.replica().state_hash() == bed.author.replica().state_hash());
}

BOOST_AUTO_TEST_CASE(events_that_come_with_a_delta_that_is_refused_are_not_applied_without_it) {
    Bed bed({.offers_snapshots = 1'000, .offers_deltas = 1'000, .folds_by_other_rules = 1'000});
    bed.write(40);
    ReplicaDevice away("b", bed.dice, bed.server, options_of(true), kStream);
    away.may_refuse_snapshots = true;
    bed.wait(away, 5);
    auto const before = away.replica().status().applied;
    for (int again = 0; again < 5; ++again) {
        away.break_connection();
        bed.write(20);
        for (int i = 0; i < 20; ++i) {
            away.advance(std::chrono::milliseconds(500));
            while (away.deliver_to_server()) {
            }
            bed.server.push();
            while (away.hear()) {  // the delta, and events behind it, in one step
                bed.server.push();
            }
            away.run();
        }
        bed.wait(away, 5);
        BOOST_TEST(away.has_read_all());
        BOOST_TEST(away.replica().state_hash() == bed.author.replica().state_hash());
        away.crash();
    }
    BOOST_TEST((away.replica().status().applied > before));
    BOOST_TEST(away.counts["folded deltas"] == 0U);
    BOOST_TEST(away.counts["folded deltas refused"] >= 3U);
}

BOOST_AUTO_TEST_CASE(a_delta_that_is_damaged_under_way_is_not_taken_over) {
    Bed bed({.offers_snapshots = 1'000, .offers_deltas = 1'000});
    bed.write(40);
    ReplicaDevice away("b", bed.dice, bed.server, options_of(true), kStream);
    bed.wait(away, 5);
    auto const image = away.disk();
    bed.write(100);

    // From then on every chunk is damaged: neither the delta nor a snapshot will do, events do.
    Bed other({.offers_snapshots = 1'000, .offers_deltas = 1'000, .damages_chunks = 1'000});
    other.server.restore(bed.server.backup());
    ReplicaDevice back("b", other.dice, other.server, options_of(true), kStream);
    back.compares_at_opening = false;
    back.become(image);
    other.wait(back, 30);
    BOOST_TEST(back.counts["folded deltas"] == 0U);
    BOOST_TEST(other.times("folded deltas offered") >= 1U);
    BOOST_TEST(other.times("chunks damaged") >= 2U);
    BOOST_TEST(back.has_read_all());
    BOOST_TEST(back.replica().state_hash() == bed.author.replica().state_hash());
}

BOOST_AUTO_TEST_SUITE_END()
