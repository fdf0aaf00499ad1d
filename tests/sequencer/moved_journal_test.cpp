// A shared log that a migration fills with the journal of a server, and nodes that read it.
#include <boost/test/unit_test.hpp>
#include <capstan/sequencer/file_journal.hpp>
#include <log_sequence.hpp>

#include "crowd.hpp"

namespace capstan::test {
namespace {

using std::chrono::seconds;

/// A server that has a history, and then is a process no more.
struct MovedServer {
    MemoryTopic topic;
    PartitionWorld server{1};
    Crowd crowd{server, 3, 6};
    std::vector<Bytes> journal;
    std::uint64_t state = 0;

    MovedServer() {
        BOOST_TEST_REQUIRE(server.open().has_value());
        crowd.publish(200);
        server.run_for(seconds(7));  // a checkpoint
        crowd.publish(100);
        server.run();
        crowd.take_answers();
        state = server.partition().state_hash();
        server.kill();
        auto const read = verify_journal(server.storage, [this](StoredSubmission const& one) {
            journal.emplace_back(one.bytes.begin(), one.bytes.end());
            return Result<Visit>(Visit::next);
        });
        BOOST_TEST_REQUIRE(read.value().is_sound());
        BOOST_TEST_REQUIRE(journal.size() > 300u);
    }

    /// Positions first..last, as one process of the migration copies them.
    void copy(std::size_t first, std::size_t last) {
        MemoryLog log(
            topic, {}, [] {}, kCopiedHandle);
        for (auto position = first; position <= last; ++position) {
            BOOST_TEST_REQUIRE(log.append(journal[position - 1], position).has_value());
        }
    }
    void copy_all() { copy(1, journal.size()); }
    void append_own(Bytes record) {
        MemoryLog log(topic, {}, [] {});
        BOOST_TEST_REQUIRE(log.append(std::move(record), 1).has_value());
    }
    void end_copying() { append_own(encode_heartbeat()); }
};

std::unique_ptr<PartitionWorld> new_node(MemoryTopic& topic, std::uint64_t seed) {
    auto world = std::make_unique<PartitionWorld>(seed);
    world->topic = &topic;
    return world;
}

void start(PartitionWorld& world) {
    BOOST_TEST_REQUIRE(world.open().has_value());
    world.run();
    BOOST_TEST_REQUIRE(world.partition().is_ready());
}

void check_equal(PartitionWorld& a, PartitionWorld& b) {
    for (int round = 0; round < 2; ++round) {
        a.run();
        b.run();
    }
    BOOST_TEST((a.partition().position() == b.partition().position()));
    BOOST_TEST(a.partition().state_hash() == b.partition().state_hash());
}

BOOST_FIXTURE_TEST_SUITE(moved_journal, MovedServer)

BOOST_AUTO_TEST_CASE(its_server_goes_on_as_a_node_beside_a_new_one) {
    copy_all();
    end_copying();
    server.topic = &topic;
    start(server);
    BOOST_TEST(server.partition().state_hash() == state);
    auto const other = new_node(topic, 2);
    start(*other);
    check_equal(server, *other);

    crowd.publish(50);  // the same devices go on
    server.run();
    crowd.take_answers();
    crowd.check();
    check_equal(server, *other);

    server.kill();
    start(server);
    check_equal(server, *other);
}

BOOST_AUTO_TEST_CASE(a_node_waits_and_writes_nothing_until_the_copying_ends) {
    copy(1, 150);
    auto const node = new_node(topic, 2);
    auto const check_waiting = [&] {
        auto const end = topic.extent().end;
        node->run_for(seconds(10));
        BOOST_TEST(!node->partition().is_ready());
        BOOST_TEST((topic.extent().end == end));
        auto const progress = node->partition().log_progress();
        BOOST_TEST_REQUIRE(progress.has_value());
        BOOST_TEST(progress->is_being_filled);
        BOOST_TEST((progress->next == end));
    };
    BOOST_TEST_REQUIRE(node->open().has_value());
    check_waiting();
    node->kill();
    BOOST_TEST_REQUIRE(node->open().has_value());
    check_waiting();
    copy(151, journal.size());
    check_waiting();
    end_copying();
    node->run();
    BOOST_TEST(node->partition().is_ready());
}

BOOST_AUTO_TEST_CASE(copies_that_come_again_take_no_position) {
    auto const node = new_node(topic, 2);
    copy(1, 150);
    BOOST_TEST_REQUIRE(node->open().has_value());
    node->run();
    copy(140, 160);  // a process that was killed, and the one that went on behind it
    copy(100, journal.size());
    copy(journal.size(), journal.size());
    node->run();
    node->kill();
    BOOST_TEST_REQUIRE(node->open().has_value());
    node->run();
    end_copying();
    copy(journal.size() - 5, journal.size());  // the last thing that the log holds
    node->run();
    BOOST_TEST_REQUIRE(node->partition().is_ready());
    BOOST_TEST(node->partition().state_hash() == state);

    server.topic = &topic;
    start(server);
    check_equal(server, *node);
    BOOST_TEST(server.partition().marks().folded.value == journal.size() + 3);  // three heartbeats
}

BOOST_AUTO_TEST_CASE(copies_that_are_missing_are_another_history) {
    auto const node = new_node(topic, 2);
    copy(1, 150);
    copy(152, 160);
    BOOST_TEST_REQUIRE(node->open().has_value());
    node->run();
    BOOST_TEST_REQUIRE(node->heard.stopped.has_value());
    BOOST_TEST((node->heard.stopped->code == Errc::journal_diverged));
    BOOST_TEST(node->heard.stopped->detail.find("a copy of position 152, behind position 150") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(its_server_does_not_go_on_with_the_log_of_another) {
    PartitionWorld stranger(9);
    BOOST_TEST_REQUIRE(stranger.open().has_value());
    Crowd others(stranger, 3, 6);
    others.publish(journal.size());
    stranger.run();
    stranger.kill();
    stranger.topic = &topic;
    copy_all();
    end_copying();
    BOOST_TEST_REQUIRE(stranger.open().has_value());
    stranger.run();
    BOOST_TEST_REQUIRE(stranger.heard.stopped.has_value());
    BOOST_TEST((stranger.heard.stopped->code == Errc::journal_diverged));
}

BOOST_AUTO_TEST_CASE(a_log_that_was_moved_away_stops_all_nodes_that_read_it) {
    copy_all();
    end_copying();
    auto const node = new_node(topic, 2);
    start(*node);
    append_own(encode_fold_version(kFoldVersionClosed));
    node->run();
    BOOST_TEST_REQUIRE(node->heard.stopped.has_value());
    BOOST_TEST((node->heard.stopped->code == Errc::journal_foreign));
    BOOST_TEST(node->heard.stopped->detail.find("moved away") != std::string::npos);
    node->kill();
    auto const again = node->open();
    BOOST_TEST_REQUIRE(!again.has_value());
    BOOST_TEST((again.error().code == Errc::journal_foreign));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace capstan::test
