#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "crowd.hpp"
#include "partition_world.hpp"

namespace capstan::test {
namespace {

using std::chrono::seconds;

}  // namespace

BOOST_AUTO_TEST_SUITE(partition)

BOOST_AUTO_TEST_CASE(a_published_event_is_durable_folded_and_read_back) {
    PartitionWorld world(1);
    BOOST_TEST_REQUIRE(world.open().has_value());
    Author alice{.stream = "acme/room", .device = device(1)};
    auto const first = world.publish(alice, {"one", "two"});
    BOOST_TEST((first.outcome == Verdict::accepted));
    BOOST_TEST(first.first.value == 1u);
    auto const second = world.publish(alice, {"three"});
    BOOST_TEST(second.first.value == 3u);
    auto const expected = std::vector<std::string>{"one", "two", "three"};
    BOOST_TEST(world.read_all("acme/room") == expected);
    BOOST_TEST(world.heard.live["acme/room"].events == expected);
    auto const marks = world.partition().marks();
    BOOST_TEST(marks.folded.value == 3u);  // genesis and two runs
    BOOST_TEST((marks.durable == marks.folded));
}

BOOST_AUTO_TEST_CASE(submissions_that_wait_share_one_flush) {
    PartitionWorld world(2);
    BOOST_TEST_REQUIRE(world.open().has_value());
    std::size_t flushes = 0;
    world.storage.set_on_call(
        [&](std::string_view call, std::string_view) { flushes += call == "datasync" ? 1 : 0; });
    std::vector<Author> crowd;
    for (std::uint64_t i = 0; i < 100; ++i) {
        crowd.push_back({.stream = "acme/room", .device = device(i)});
        world.submit(crowd.back().record({"event"}));
    }
    world.run();
    BOOST_TEST(world.read_all("acme/room").size() == 100u);
    BOOST_TEST(flushes <= 3u);
}

BOOST_AUTO_TEST_CASE(F22_F52_a_run_sent_again_keeps_its_seqs_also_after_restarts) {
    PartitionWorld world(3);
    BOOST_TEST_REQUIRE(world.open().has_value());
    Author alice{.stream = "acme/room", .device = device(1)};
    auto const record = alice.record({"one", "two"});
    world.publish(alice, {"one", "two"});
    world.publish(alice, {"three"});
    for (int restart = 0; restart < 3; ++restart) {
        auto const token = world.submit(record);
        world.run();
        auto const& again = world.heard.verdicts.at(token);
        BOOST_TEST((again.outcome == Verdict::duplicate));
        BOOST_TEST(again.first.value == 1u);
        BOOST_TEST(again.count == 2u);
        world.run_for(seconds(20));  // a checkpoint
        world.kill();
        BOOST_TEST_REQUIRE(world.open().has_value());
    }
    BOOST_TEST(world.read_all("acme/room").size() == 3u);
}

BOOST_AUTO_TEST_CASE(F1_F2_what_was_acknowledged_survives_any_crash) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            PartitionWorld world(seed);
            Crowd crowd(world, 3, 8);
            for (int life = 0; life < 6; ++life) {
                BOOST_TEST_REQUIRE(world.open().has_value());
                crowd.send_again();
                crowd.take_answers();
                crowd.check();
                crowd.publish(10 + world.random.below(60));
                crowd.take_answers();
                if (world.random.chance(1, 2)) {
                    world.run_for(seconds(10));
                    crowd.take_answers();
                }
                world.random.chance(1, 2) ? world.kill() : world.lose_power();
            }
            BOOST_TEST_REQUIRE(world.open().has_value());
            crowd.send_again();
            crowd.take_answers();
            crowd.check();
        }
    }
}

BOOST_AUTO_TEST_CASE(derived_state_comes_back_from_the_journal_alone) {
    PartitionWorld world(4);
    BOOST_TEST_REQUIRE(world.open().has_value());
    Crowd crowd(world, 4, 9);
    for (int i = 0; i < 20; ++i) {
        crowd.publish(30);
        world.run_for(seconds(2));
    }
    crowd.take_answers();
    auto const hash = world.partition().state_hash();
    auto const [position, chain] = world.partition().position();
    world.kill();
    world.checkpoints = std::make_unique<MemoryCheckpointStore>();
    BOOST_TEST_REQUIRE(world.open().has_value());
    BOOST_TEST(world.partition().state_hash() == hash);
    BOOST_TEST((world.partition().position() == std::pair(position, chain)));
    crowd.check();
}

BOOST_AUTO_TEST_CASE(a_segment_sealed_before_a_crash_is_in_the_next_checkpoint) {
    PartitionWorld world(5);
    BOOST_TEST_REQUIRE(world.open().has_value());
    Author alice{.stream = "acme/room", .device = device(1)};
    std::vector<std::string> const large{std::string(20'000, 'a'), std::string(20'000, 'b')};
    world.publish(alice, large);
    world.publish(alice, large);  // closes the first segment, which is sealed
    world.publish(alice, large);
    BOOST_TEST_REQUIRE((world.checkpoints->runs().value().retired == SegmentNumber{}));
    world.kill();
    BOOST_TEST_REQUIRE(world.open().has_value());
    world.run_for(seconds(20));  // a checkpoint
    BOOST_TEST((world.checkpoints->runs().value().retired >= SegmentNumber{1}));
    BOOST_TEST(world.read_all("acme/room").size() == 6u);
}

BOOST_AUTO_TEST_CASE(F22_a_run_that_came_again_is_folded_again_at_the_next_start) {
    PartitionWorld world(13);
    BOOST_TEST_REQUIRE(world.open().has_value());
    Author alice{.stream = "acme/room", .device = device(1)};
    auto const first = alice.record({"first"});
    world.publish(alice, {"first"});
    std::vector<std::string> const large{std::string(20'000, 'a'), std::string(20'000, 'b')};
    for (int n = 0; n < 3; ++n) {
        world.publish(alice, large);  // the segment of the first run is sealed meanwhile
    }
    world.run_for(seconds(20));  // a checkpoint: the tail begins behind it
    auto const token = world.submit(first);
    world.run();
    BOOST_TEST((world.heard.verdicts.at(token).outcome == Verdict::duplicate));
    world.kill();
    BOOST_TEST_REQUIRE(world.open().has_value());
    BOOST_TEST(world.read_all("acme/room").size() == 7u);
}

BOOST_AUTO_TEST_CASE(a_restart_folds_only_what_lies_behind_the_checkpoint) {
    PartitionWorld world(5);
    BOOST_TEST_REQUIRE(world.open().has_value());
    Crowd crowd(world, 2, 4);
    crowd.publish(400);
    world.run_for(seconds(20));
    world.kill();
    auto const calls_before = world.storage.calls();
    std::size_t reads = 0;
    world.storage.set_on_call(
        [&](std::string_view call, std::string_view) { reads += call == "pread" ? 1 : 0; });
    BOOST_TEST_REQUIRE(world.open().has_value());
    BOOST_TEST(world.storage.calls() > calls_before);
    BOOST_TEST(reads < 60u);
}

BOOST_AUTO_TEST_CASE(F6_after_a_failed_flush_nothing_is_acknowledged_any_more) {
    PartitionWorld world(6);
    BOOST_TEST_REQUIRE(world.open().has_value());
    Author alice{.stream = "acme/room", .device = device(1)};
    world.publish(alice, {"one"});
    world.storage.set_failed_sync_cleans(true);
    world.storage.fail_call(1, Errc::disk_io);  // the write works, its flush doesn't
    auto const record = alice.record({"two"});
    auto const token = world.submit(record);
    world.run();
    BOOST_TEST(!world.heard.verdicts.contains(token));
    BOOST_TEST_REQUIRE(world.heard.stopped.has_value());
    BOOST_TEST((world.heard.stopped->code == Errc::storage_failed));
    BOOST_TEST(world.read_all("acme/room").size() == 1u);
    auto const later = world.submit(record);
    BOOST_TEST((world.heard.turned_away.at(later) == Errc::storage_failed));

    world.storage.heal();
    world.lose_power();
    BOOST_TEST_REQUIRE(world.open().has_value());
    auto const again = world.submit(record);
    world.run();
    BOOST_TEST(world.heard.verdicts.at(again).first.value == 2u);
}

BOOST_AUTO_TEST_CASE(F8_a_full_disk_turns_publishes_away_and_lets_them_in_again) {
    PartitionWorld world(8);
    BOOST_TEST_REQUIRE(world.open().has_value());
    world.run_for(seconds(1));
    world.storage.set_capacity(3 * kSegmentBytesMin);
    Author alice{.stream = "acme/room", .device = device(1)};
    std::string const big(20'000, 'b');
    std::optional<std::uint64_t> refused;
    std::size_t accepted = 0;
    for (int i = 0; i < 40 && !refused; ++i) {
        auto const token = world.submit(alice.record({big}));
        world.run_for(seconds(1));
        if (world.heard.turned_away.contains(token)) {
            refused = token;
        } else {
            BOOST_TEST((world.heard.verdicts.at(token).outcome == Verdict::accepted));
            alice.sent(1);
            ++accepted;
        }
    }
    BOOST_TEST_REQUIRE(refused.has_value());
    BOOST_TEST((world.heard.turned_away.at(*refused) == Errc::storage_full));
    BOOST_TEST(!world.heard.stopped.has_value());
    BOOST_TEST(world.read_all("acme/room").size() == accepted);

    world.storage.set_capacity(~std::uint64_t{0});
    world.run_for(seconds(5));
    auto const verdict = world.publish(alice, {big});
    BOOST_TEST(verdict.first.value == accepted + 1);
}

BOOST_AUTO_TEST_CASE(what_changed_since_a_position_names_just_that) {
    PartitionWorld world(9);
    BOOST_TEST_REQUIRE(world.open().has_value());
    std::vector<Author> authors;
    for (std::uint64_t i = 0; i < 50; ++i) {
        authors.push_back({.stream = "acme/s" + std::to_string(i), .device = device(i)});
        world.publish(authors.back(), {"hello"});
    }
    auto const [position, chain] = world.partition().position();
    BOOST_TEST(world.partition().changed_since(position, chain).value()->empty());
    for (int restart = 0; restart < 2; ++restart) {
        world.publish(authors[7], {"more"});
        world.publish(authors[3], {"more"});
        auto const moved = world.partition().changed_since(position, chain).value().value();
        std::vector<std::string> names;
        for (auto const number : moved) {
            names.push_back(world.partition().stat(number).value()->name);
        }
        std::ranges::sort(names);
        BOOST_TEST(names == (std::vector<std::string>{"acme/s3", "acme/s7"}));
        world.run_for(seconds(20));
        world.kill();
        BOOST_TEST_REQUIRE(world.open().has_value());
    }
    BOOST_TEST(!world.partition().changed_since(position, Hash128{1, 2}).value().has_value());
    BOOST_TEST(!world.partition().changed_since(position.plus(1'000), chain).value().has_value());
}

BOOST_AUTO_TEST_CASE(streams_are_listed_by_name_also_before_a_checkpoint) {
    PartitionWorld world(10);
    BOOST_TEST_REQUIRE(world.open().has_value());
    auto const names =
        [&](std::string const& pattern, std::string const& after, std::size_t limit) {
            std::vector<std::string> out;
            auto const found =
                world.partition().list(StreamPattern::parse(pattern).value(), after, limit);
            for (auto const& stat : found.value()) {
                out.push_back(stat.name);
            }
            return out;
        };
    using Names = std::vector<std::string>;
    for (auto const* name : {"acme/c", "acme/a", "beta/x"}) {
        Author author{.stream = name, .device = device(1)};
        world.publish(author, {"hello"});
    }
    world.run_for(seconds(20));
    Author late{.stream = "acme/b", .device = device(1)};
    world.publish(late, {"hello"});
    BOOST_TEST(names(">", "", 10) == (Names{"acme/a", "acme/b", "acme/c", "beta/x"}));
    BOOST_TEST(names("acme/*", "", 2) == (Names{"acme/a", "acme/b"}));
    BOOST_TEST(names("acme/*", "acme/b", 2) == (Names{"acme/c"}));
}

BOOST_AUTO_TEST_CASE(chain_hashes_are_known_at_every_seq) {
    PartitionWorld world(11);
    BOOST_TEST_REQUIRE(world.open().has_value());
    Author alice{.stream = "acme/room", .device = device(1)};
    auto chain = chain_start("acme/room");
    std::vector<Hash128> expected{chain};
    for (int run = 0; run < 5; ++run) {
        std::vector<std::string> const events{"a" + std::to_string(run), "b", "c"};
        for (std::size_t i = 0; i < events.size(); ++i) {
            Dot const dot{alice.device, alice.last.counter.plus(i + 1)};
            chain = chain_next(chain, dot, Seq{0}, 0, as_bytes(events[i]));
            expected.push_back(chain);
        }
        world.publish(alice, events);
    }
    auto const number = world.partition().stat("acme/room").value()->number;
    for (std::size_t seq = 0; seq < expected.size(); ++seq) {
        BOOST_TEST((world.partition().chain_at(number, Seq{seq}).value() == expected[seq]));
    }
    BOOST_TEST(!world.partition().chain_at(number, Seq{expected.size()}));
}

BOOST_AUTO_TEST_CASE(draining_finishes_what_is_queued_and_takes_no_more) {
    PartitionWorld world(12);
    BOOST_TEST_REQUIRE(world.open().has_value());
    Author alice{.stream = "acme/room", .device = device(1)};
    auto const queued = world.submit(alice.record({"one"}));
    bool drained = false;
    world.partition().drain([&] { drained = true; });
    alice.sent(1);
    auto const late = world.submit(alice.record({"two"}));
    world.run();
    BOOST_TEST(drained);
    BOOST_TEST((world.heard.verdicts.at(queued).outcome == Verdict::accepted));
    BOOST_TEST((world.heard.turned_away.at(late) == Errc::not_ready));
    auto const marks = world.partition().marks();
    BOOST_TEST((marks.checkpointed == marks.folded));
    auto const calls = world.storage.calls();
    world.run_for(seconds(60));
    BOOST_TEST(world.storage.calls() == calls);  // the disk's thread may end
}

/// The last frame is found in the segment by what it holds, and rots: with a marker behind it, that
/// is damage, and no torn tail.
BOOST_AUTO_TEST_CASE(F4_an_idle_partition_declares_its_last_frame) {
    PartitionWorld world(15);
    BOOST_TEST_REQUIRE(world.open().has_value());
    Author alice{.stream = "acme/room", .device = device(1)};
    for (std::string const word : {"first", "second", "the last word"}) {
        world.publish(alice, {word});
    }
    world.run_for(seconds(1));
    world.kill();
    auto const segment = world.storage.contents("segment-0000000001");
    auto const at = as_text(segment).find("the last word");
    BOOST_TEST_REQUIRE(at != std::string_view::npos);
    world.storage.flip_bit("segment-0000000001", at * 8);
    auto const opened = world.open();
    BOOST_TEST_REQUIRE(!opened.has_value());
    BOOST_TEST((opened.error().code == Errc::journal_corrupt));
}

/// The same after a crash before the marker: neither a checkpoint nor having been recovered spares
/// the journal from saying itself what is durable, since the index may be lost before the next
/// start.
BOOST_AUTO_TEST_CASE(F4_a_recovered_partition_declares_its_last_frame) {
    PartitionWorld world(16);
    world.options.checkpoint_bytes = 1;
    BOOST_TEST_REQUIRE(world.open().has_value());
    Author alice{.stream = "acme/room", .device = device(1)};
    world.publish(alice, {"the last word"});
    world.run_for(std::chrono::milliseconds(20));
    world.kill();
    BOOST_TEST_REQUIRE(world.open().has_value());
    BOOST_TEST((world.partition().marks().checkpointed == world.partition().marks().folded));
    world.run_for(seconds(1));
    world.kill();
    world.checkpoints = std::make_unique<MemoryCheckpointStore>();
    auto const segment = world.storage.contents("segment-0000000001");
    auto const at = as_text(segment).find("the last word");
    world.storage.flip_bit("segment-0000000001", at * 8);
    auto const opened = world.open();
    BOOST_TEST_REQUIRE(!opened.has_value());
    BOOST_TEST((opened.error().code == Errc::journal_corrupt));
}

BOOST_AUTO_TEST_CASE(a_run_larger_than_the_queue_gets_through_an_empty_one) {
    PartitionWorld world(14);
    world.options.queue_bytes_max = 1'000;
    BOOST_TEST_REQUIRE(world.open().has_value());
    Author alice{.stream = "acme/room", .device = device(1)};
    auto const verdict = world.publish(alice, {std::string(5'000, 'a')});
    BOOST_TEST((verdict.outcome == Verdict::accepted));
}

BOOST_AUTO_TEST_CASE(F9_a_full_queue_turns_publishes_away) {
    PartitionWorld world(13);
    world.options.queue_bytes_max = 1'500;
    BOOST_TEST_REQUIRE(world.open().has_value());
    Author alice{.stream = "acme/room", .device = device(1)};
    auto const first = world.submit(alice.record({std::string(600, 'x')}));
    Author bob{.stream = "acme/room", .device = device(2)};
    world.submit(bob.record({std::string(600, 'x')}));
    Author carol{.stream = "acme/room", .device = device(3)};
    auto const third = world.submit(carol.record({std::string(600, 'x')}));
    BOOST_TEST((world.heard.turned_away.at(third) == Errc::overloaded));
    world.run();
    BOOST_TEST((world.heard.verdicts.at(first).outcome == Verdict::accepted));
    BOOST_TEST(world.publish(carol, {"now"}).first.value == 3u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan::test
