// Beacons: nodes of a cluster tell each other now and then what state they have come to.
#include <boost/test/unit_test.hpp>

#include "crowd.hpp"

namespace capstan::test {
namespace {

using std::chrono::seconds;

/// Two nodes with a history of more than a thousand positions.
struct NodesWithHistory {
    MemoryTopic topic;
    PartitionWorld one{1};
    PartitionWorld two{2};
    Crowd crowd{one, 3, 6};

    NodesWithHistory() {
        for (auto* const node : {&one, &two}) {
            node->topic = &topic;
            BOOST_TEST_REQUIRE(node->open().has_value());
            node->run();
        }
        crowd.publish(1'100);
        settle();
    }
    void settle() {
        one.run();
        two.run();
    }
    std::vector<Beacon> beacons() {
        std::vector<Beacon> found;
        MemoryLog log(topic, {}, [] {});
        auto const take = [&](LogRecord const& record) {
            auto const view = SubmissionView::decode(record.bytes);
            if (view && view.value().kind == SubmissionKind::beacon) {
                found.push_back(view.value().beacon);
            }
        };
        while (log.read(1'000, take).value() > 0) {
        }
        return found;
    }
    /// What the nodes have come to at position 1,000.
    Beacon truth() {
        one.run_for(seconds(2));
        settle();
        return beacons().front();
    }
};

BOOST_FIXTURE_TEST_SUITE(beacons, NodesWithHistory)

BOOST_AUTO_TEST_CASE(one_node_says_what_state_it_has_and_the_others_agree) {
    one.run_for(seconds(2));
    two.run_for(seconds(2));
    one.run_for(seconds(5));
    BOOST_TEST_REQUIRE(beacons().size() == 1u);
    BOOST_TEST(beacons()[0].position.value == 1'000u);
    crowd.publish(1'000);
    settle();
    two.run_for(seconds(2));
    one.run_for(seconds(5));
    BOOST_TEST_REQUIRE(beacons().size() == 2u);
    BOOST_TEST(beacons()[1].position.value == 2'000u);
    for (auto* const node : {&one, &two}) {
        BOOST_TEST(!node->heard.stopped.has_value());
        BOOST_TEST(node->partition().log_progress()->beacons_disagreed == 0u);
    }
}

BOOST_AUTO_TEST_CASE(other_records_up_to_there_are_another_history) {
    auto beacon = truth();
    beacon.submission_chain.low ^= 1;
    topic.append_foreign(encode_beacon(beacon));
    settle();
    for (auto* const node : {&one, &two}) {
        BOOST_TEST_REQUIRE(node->heard.stopped.has_value());
        BOOST_TEST((node->heard.stopped->code == Errc::journal_diverged));
    }
}

// First the node doubts itself. When it has folded all again and comes out the same, the other one
// is wrong.
BOOST_AUTO_TEST_CASE(a_node_that_disagrees_folds_again_before_it_blames_another) {
    auto beacon = truth();
    two.run_for(seconds(7));  // a checkpoint
    two.kill();
    BOOST_TEST_REQUIRE(two.open().has_value());
    two.run();
    beacon.state_hash ^= 1;
    topic.append_foreign(encode_beacon(beacon));
    settle();

    // It has folded all itself since it started.
    BOOST_TEST(!one.heard.stopped.has_value());
    BOOST_TEST(one.partition().log_progress()->beacons_disagreed == 1u);

    BOOST_TEST_REQUIRE(two.heard.stopped.has_value());
    BOOST_TEST((two.heard.stopped->code == Errc::index_damaged));
    two.kill();
    auto const from_checkpoint = two.open();
    BOOST_TEST_REQUIRE(!from_checkpoint.has_value());
    BOOST_TEST((from_checkpoint.error().code == Errc::index_damaged));
    two.checkpoints = std::make_unique<MemoryCheckpointStore>();
    BOOST_TEST_REQUIRE(two.open().has_value());
    two.run();
    BOOST_TEST(two.partition().is_ready());
    BOOST_TEST(two.partition().log_progress()->beacons_disagreed == 1u);
    settle();
    BOOST_TEST(one.partition().state_hash() == two.partition().state_hash());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace capstan::test
