// Partitions of several nodes over one shared log.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/runtime/executor.hpp>

#include "crowd.hpp"

namespace capstan::test {
namespace {

using std::chrono::seconds;
using Events = std::vector<std::string>;

/// A node on a machine of its own.
std::unique_ptr<PartitionWorld> node(MemoryTopic& topic, std::uint64_t seed) {
    auto world = std::make_unique<PartitionWorld>(seed);
    world->topic = &topic;
    return world;
}

void start(PartitionWorld& world) {
    auto const opened = world.open();
    BOOST_TEST_REQUIRE(opened.has_value());
    world.run();
    BOOST_TEST_REQUIRE(world.partition().is_ready());
}

/// Each reads what the other wrote.
void settle(std::vector<PartitionWorld*> const& nodes) {
    for (int round = 0; round < 2; ++round) {
        for (auto* const world : nodes) {
            world->run();
        }
    }
}

/// Once each has read what the other wrote.
void check_equal(PartitionWorld& a, PartitionWorld& b) {
    settle({&a, &b});
    BOOST_TEST((a.partition().position() == b.partition().position()));
    BOOST_TEST(a.partition().state_hash() == b.partition().state_hash());
}

/// Two nodes that run, and a device.
struct TwoNodes {
    MemoryTopic topic;
    std::unique_ptr<PartitionWorld> one = node(topic, 1);
    std::unique_ptr<PartitionWorld> two = node(topic, 2);
    Author alice{.stream = "acme/room", .device = device(1)};

    TwoNodes() {
        start(*one);
        start(*two);
    }
};

BOOST_AUTO_TEST_SUITE(cluster)

BOOST_AUTO_TEST_CASE(a_node_answers_when_it_reads_its_own_record) {
    MemoryTopic topic;
    auto const one = node(topic, 1);
    start(*one);
    Author alice{.stream = "acme/room", .device = device(1)};
    BOOST_TEST((one->publish(alice, {"one", "two"}).first == Seq{1}));

    topic.hold(true);
    auto const token = one->submit(alice.record({"three"}));
    one->run();
    BOOST_TEST(!one->heard.verdicts.contains(token));
    topic.hold(false);
    one->run();
    BOOST_TEST_REQUIRE(one->heard.verdicts.contains(token));
    BOOST_TEST((one->heard.verdicts.at(token).first == Seq{3}));
    BOOST_TEST((one->read_all("acme/room") == Events{"one", "two", "three"}));
}

BOOST_AUTO_TEST_CASE(the_same_submissions_get_the_same_seqs_on_both_journals) {
    MemoryTopic topic;
    auto const cluster = node(topic, 1);
    start(*cluster);
    PartitionWorld embedded(1);
    BOOST_TEST_REQUIRE(embedded.open().has_value());
    std::vector<Author> authors;
    for (std::uint64_t i = 0; i < 6; ++i) {
        authors.push_back({.stream = "acme/room/" + std::to_string(i % 2), .device = device(i)});
    }
    SimRandom dice(5);
    for (int i = 0; i < 200; ++i) {
        auto& author = authors[dice.below(authors.size())];
        auto const record = author.record({"event " + std::to_string(i)});
        auto const a = cluster->submit(record);
        auto const b = embedded.submit(record);
        author.sent(1);
        cluster->run();
        embedded.run();
        BOOST_TEST_REQUIRE(
            (cluster->heard.verdicts.at(a).first == embedded.heard.verdicts.at(b).first));
    }
    for (auto const* stream : {"acme/room/0", "acme/room/1"}) {
        BOOST_TEST((cluster->read_all(stream) == embedded.read_all(stream)));
        BOOST_TEST((cluster->partition().stat(stream).value()->chain ==
                    embedded.partition().stat(stream).value()->chain));
    }
}

// I14, I21, I22
BOOST_FIXTURE_TEST_CASE(nodes_agree_whoever_publishes_where, TwoNodes) {
    Crowd left(*one, 2, 4, "acme/left/", 100);
    Crowd right(*two, 2, 4, "acme/right/", 200);
    for (int round = 0; round < 20; ++round) {
        left.publish(5);
        right.publish(5);
        settle({one.get(), two.get()});
    }
    left.take_answers();
    right.take_answers();
    left.check();
    right.check();
    check_equal(*one, *two);
    for (auto const* stream : {"acme/left/0", "acme/left/1", "acme/right/0", "acme/right/1"}) {
        BOOST_TEST((one->read_all(stream) == two->read_all(stream)));
    }
}

BOOST_FIXTURE_TEST_CASE(a_device_may_change_nodes_between_runs, TwoNodes) {
    for (std::uint64_t i = 1; i <= 10; ++i) {
        auto& here = i % 2 == 0 ? *one : *two;
        BOOST_TEST((here.publish(alice, {std::to_string(i)}).first == Seq{i}));
    }
    // A run whose answer was lost is sent again, to the other one.
    auto const record = alice.record({"11"});
    one->submit(record);
    one->run();
    auto const again = two->submit(record);
    two->run();
    BOOST_TEST((two->heard.verdicts.at(again).outcome == Verdict::duplicate));
    BOOST_TEST((two->heard.verdicts.at(again).first == Seq{11}));
    check_equal(*one, *two);
}

// I7: what a device has seen on one node it finds on the other.
BOOST_FIXTURE_TEST_CASE(a_node_catches_up_with_all_that_others_have_answered, TwoNodes) {
    two->run();
    one->publish(alice, {"one"});
    one->publish(alice, {"two"});
    BOOST_TEST(!two->partition().stat("acme/room").value().has_value());
    std::optional<Seq> head;
    two->partition().catch_up([&](Result<> const& caught_up) {
        BOOST_TEST(caught_up.has_value());
        head = two->partition().stat("acme/room").value()->head;
    });
    BOOST_TEST(!head.has_value());
    two->run();
    BOOST_TEST_REQUIRE(head.has_value());
    BOOST_TEST((*head == Seq{2}));
    auto const progress = two->partition().log_progress();
    BOOST_TEST_REQUIRE(progress.has_value());
    BOOST_TEST((progress->next == progress->end));
}

BOOST_FIXTURE_TEST_CASE(an_answer_to_an_older_question_says_nothing_of_who_comes_later, TwoNodes) {
    std::vector<Seq> heads;
    auto const note = [&](Result<> const&) {
        auto const stat = two->partition().stat("acme/room").value();
        heads.push_back(stat ? stat->head : Seq{});
    };
    two->partition().catch_up(note);
    one->publish(alice, {"one"});
    two->partition().catch_up(note);
    two->run();
    BOOST_TEST_REQUIRE(heads.size() == 2u);
    BOOST_TEST((heads[1] == Seq{1}));
}

// F59
BOOST_FIXTURE_TEST_CASE(a_node_that_cannot_tell_whether_it_is_behind_says_so, TwoNodes) {
    topic.set_reachable(false);
    std::optional<Errc> why;
    one->partition().catch_up([&](Result<> const& caught_up) { why = caught_up.error().code; });
    one->run();
    BOOST_TEST_REQUIRE(why.has_value());
    BOOST_TEST((*why == Errc::unavailable));
    topic.set_reachable(true);
    bool done = false;
    one->partition().catch_up([&](Result<> const& caught_up) { done = caught_up.has_value(); });
    one->run();
    BOOST_TEST(done);
}

BOOST_FIXTURE_TEST_CASE(who_waits_for_a_node_that_stops_is_told, TwoNodes) {
    one->publish(alice, {"one"});
    std::optional<Errc> why;
    two->partition().catch_up([&](Result<> const& caught_up) { why = caught_up.error().code; });
    topic.trim(topic.extent().end);
    two->run();
    BOOST_TEST_REQUIRE(why.has_value());
    BOOST_TEST((*why == Errc::journal_diverged));
}

BOOST_AUTO_TEST_CASE(a_file_journal_has_nothing_to_wait_for) {
    PartitionWorld embedded(1);
    BOOST_TEST_REQUIRE(embedded.open().has_value());
    bool done = false;
    embedded.partition().catch_up([&](Result<> const& result) { done = result.has_value(); });
    BOOST_TEST(done);
    BOOST_TEST(!embedded.partition().log_progress().has_value());
}

BOOST_AUTO_TEST_CASE(two_nodes_that_begin_a_log_together_agree_on_the_first_genesis) {
    MemoryTopic topic;
    topic.hold(true);
    auto const one = node(topic, 1);
    auto const two = node(topic, 2);
    BOOST_TEST_REQUIRE(one->open().has_value());
    BOOST_TEST_REQUIRE(two->open().has_value());
    settle({one.get(), two.get()});
    BOOST_TEST(!one->partition().is_ready());
    Author alice{.stream = "acme/room", .device = device(1)};
    auto const early = one->submit(alice.record({"too early"}));
    BOOST_TEST((one->heard.turned_away.at(early) == Errc::not_ready));

    topic.hold(false);
    settle({one.get(), two.get()});
    BOOST_TEST_REQUIRE(one->partition().is_ready());
    BOOST_TEST_REQUIRE(two->partition().is_ready());
    BOOST_TEST((one->publish(alice, {"event"}).outcome == Verdict::accepted));
    check_equal(*one, *two);
}

BOOST_AUTO_TEST_CASE(a_new_node_is_ready_when_it_has_read_what_is_there) {
    MemoryTopic topic;
    auto const one = node(topic, 1);
    start(*one);
    Crowd crowd(*one, 3, 6);
    crowd.publish(300);
    one->run();
    auto const late = node(topic, 2);
    start(*late);
    check_equal(*one, *late);
}

// F1, F2: whatever of the tape a crash leaves, the rest is read again.
BOOST_AUTO_TEST_CASE(a_node_comes_back_from_any_crash) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            MemoryTopic topic;
            auto const one = node(topic, seed);
            auto const other = node(topic, 1'000 + seed);
            start(*one);
            start(*other);
            Crowd crowd(*one, 3, 6);
            for (int life = 0; life < 4; ++life) {
                crowd.publish(60);
                if (one->random.chance(1, 2)) {
                    one->run_for(seconds(7));  // a checkpoint
                }
                crowd.take_answers();
                one->random.chance(1, 2) ? one->kill() : one->lose_power();
                start(*one);
                crowd.send_again();
                crowd.take_answers();
            }
            crowd.check();
            check_equal(*one, *other);
        }
    }
}

BOOST_FIXTURE_TEST_CASE(records_of_others_take_a_position_and_nothing_else, TwoNodes) {
    one->publish(alice, {"one"});
    for (auto const* junk : {"", "junk", "CSUB", "a longer line of something that is not ours"}) {
        auto const bytes = as_bytes(junk);
        topic.append_foreign(Bytes(bytes.begin(), bytes.end()));
    }
    topic.append_foreign(Bytes(2'000'000));
    auto torn = alice.record({"torn"});
    torn.back() ^= std::byte{1};
    topic.append_foreign(torn);
    BOOST_TEST((one->publish(alice, {"two"}).first == Seq{2}));
    check_equal(*one, *two);

    two->run_for(seconds(7));
    two->kill();
    start(*two);
    check_equal(*one, *two);
    BOOST_TEST((two->read_all("acme/room") == Events{"one", "two"}));
}

// F57, F58
BOOST_AUTO_TEST_CASE(a_log_with_another_history_stops_the_node) {
    MemoryTopic topic;
    auto const one = node(topic, 1);
    start(*one);
    Author alice{.stream = "acme/room", .device = device(1)};
    one->publish(alice, {"one"});
    one->publish(alice, {"two"});
    auto const end = topic.extent().end;
    one->kill();
    topic.truncate(LogOffset{end.value - 1});
    auto const other = as_bytes("another history");
    topic.append_foreign(Bytes(other.begin(), other.end()));

    BOOST_TEST_REQUIRE(one->open().has_value());
    one->run();
    BOOST_TEST_REQUIRE(one->heard.stopped.has_value());
    BOOST_TEST((one->heard.stopped->code == Errc::journal_diverged));
    BOOST_TEST(!one->partition().is_ready());
}

// F57
BOOST_AUTO_TEST_CASE(a_log_that_forgot_what_comes_next_stops_the_node) {
    MemoryTopic topic;
    auto const one = node(topic, 1);
    start(*one);
    one->kill();
    Author alice{.stream = "acme/room", .device = device(1)};
    auto const other = node(topic, 2);
    start(*other);
    other->publish(alice, {"one"});
    topic.trim(topic.extent().end);
    BOOST_TEST_REQUIRE(one->open().has_value());
    one->run();
    BOOST_TEST_REQUIRE(one->heard.stopped.has_value());
    BOOST_TEST((one->heard.stopped->code == Errc::journal_diverged));
}

// F59
BOOST_AUTO_TEST_CASE(a_silent_log_turns_publishes_away_and_reads_go_on) {
    MemoryTopic topic;
    auto const one = node(topic, 1);
    start(*one);
    Author alice{.stream = "acme/room", .device = device(1)};
    one->publish(alice, {"one"});
    topic.set_reachable(false);
    auto const waiting = one->submit(alice.record({"two"}));
    alice.sent(1);
    one->run_for(seconds(10));
    auto const refused = one->submit(alice.record({"three"}));
    BOOST_TEST((one->heard.turned_away.at(refused) == Errc::unavailable));
    BOOST_TEST((one->read_all("acme/room") == Events{"one"}));

    topic.set_reachable(true);
    one->run_for(seconds(2));
    BOOST_TEST_REQUIRE(one->heard.verdicts.contains(waiting));
    BOOST_TEST((one->heard.verdicts.at(waiting).first == Seq{2}));
    BOOST_TEST((one->publish(alice, {"three"}).first == Seq{3}));
}

// F5: an acknowledged frame of a journal would be a corrupt middle; the log still has it.
BOOST_FIXTURE_TEST_CASE(rot_of_the_tape_behind_the_checkpoint_is_copied_again, TwoNodes) {
    one->publish(alice, {"one"});
    one->run_for(seconds(7));  // a checkpoint
    one->publish(alice, {"rotten"});
    one->publish(alice, {"three"});
    one->run_for(seconds(1));  // the tape is idle: all of it is declared
    one->kill();
    auto const segment = one->storage.contents("segment-0000000001");
    auto const at = as_text(segment).find("rotten");
    BOOST_TEST_REQUIRE(at != std::string_view::npos);
    one->storage.flip_bit("segment-0000000001", at * 8);

    start(*one);
    BOOST_TEST((one->read_all("acme/room") == Events{"one", "rotten", "three"}));
    check_equal(*one, *two);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace capstan::test
