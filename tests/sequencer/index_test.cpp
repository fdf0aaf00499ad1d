#include <capstan/sequencer/index.hpp>

#include "sequencer/index_world.hpp"

namespace capstan {
namespace {

using test::IndexWorld;

/// One thing that happens; the numbers choose among streams, devices and sizes.
struct Step {
    std::uint8_t kind = 0;
    std::uint8_t stream = 0;
    std::uint8_t device = 0;
    std::uint8_t count = 0;
};

std::ostream& operator<<(std::ostream& out, Step const& step) {
    return out << '{' << int{step.kind} << ',' << int{step.stream} << ',' << int{step.device} << ','
               << int{step.count} << '}';
}

rc::Gen<std::vector<Step>> any_steps() {
    auto const byte = rc::gen::arbitrary<std::uint8_t>();
    return rc::gen::scale(
        3.0,
        rc::gen::container<std::vector<Step>>(rc::gen::construct<Step>(byte, byte, byte, byte)));
}

void take(IndexWorld& world, Step const& step) {
    StreamNumber const stream{1u + step.stream % 5};
    switch (step.kind % 16) {
        case 0:
            world.seal_stream(stream);
            break;
        case 1:
        case 2:
            world.next_segment();
            break;
        case 3:
        case 4:
            world.seal_segment();
            break;
        case 5:
            world.checkpoint().value();
            break;
        case 6:
            world.hear_of_checkpoint();
            break;
        case 7:
            world.checkpoint().value();
            world.hear_of_checkpoint();
            break;
        case 8:
            world.restart();
            break;
        case 9:
            world.seal_two_segments();
            break;
        default:
            world.append(stream, step.device % 3, 1u + step.count % 4);
    }
}

/// Reads to the end from `next`, a few runs at a time.
std::vector<RunEntry> read_all(Index& index, StreamNumber stream, Seq next, ReadLimit limit) {
    RunCursor cursor{stream, next};
    std::vector<RunEntry> runs;
    for (;;) {
        auto const before = runs.size();
        index.read(cursor, limit, runs).value();
        if (runs.size() == before) {
            return runs;
        }
    }
}

void check_reads(IndexWorld& world, std::size_t runs_at_once) {
    for (auto const& [stream, runs] : world.by_stream) {
        for (std::uint64_t seq = 1; seq <= world.maker.head(stream).value + 1; seq += 3) {
            auto const expected = world.expected_from(stream, Seq{seq});
            RC_ASSERT(read_all(*world.index, stream, Seq{seq}, {.runs = runs_at_once}) == expected);
            auto const found = world.index->find(stream, Seq{seq}).value();
            RC_ASSERT(found.has_value() == !expected.empty());
            if (found) {
                RC_ASSERT(*found == expected.front());
            }
        }
    }
}

void check_keys(IndexWorld& world) {
    for (auto const& run : world.history) {
        RunKey key{run.stream, run.device, run.attempt, run.first_counter};
        RC_ASSERT(world.index->find_run(key).value() == run);
        RC_ASSERT(world.index->find_run(key, Seq{run.first.value - 1}).value() == run);
        RC_ASSERT(world.index->find_run(key, run.last()).value() == std::nullopt);
        key.attempt.value += 1;
        RC_ASSERT(world.index->find_run(key).value() == std::nullopt);
    }
}

void check_changes(IndexWorld& world, std::size_t page) {
    for (std::uint64_t after = 0; after <= world.maker.position().value; after += 2) {
        auto const expected = world.expected_changes(Position{after});
        RC_ASSERT(world.index->changed_after(Position{after}, 1'000).value() == expected);
        std::vector<StreamChange> paged;
        for (Position from{after};;) {
            auto const some = world.index->changed_after(from, page).value();
            paged.insert(paged.end(), some.begin(), some.end());
            if (some.size() < page) {
                break;
            }
            from = some.back().position;
        }
        RC_ASSERT(paged == expected);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(index)

RC_BOOST_PROP(I17_the_index_equals_plain_maps_through_seals_checkpoints_and_restarts, ()) {
    MemoryCheckpointStore store;
    IndexWorld world(store, {.footer_cache_bytes = *rc::gen::element<std::size_t>(0, 1'000'000)});
    for (auto const& step : *any_steps()) {
        take(world, step);
    }
    check_reads(world, *rc::gen::inRange<std::size_t>(1, 6));
    check_keys(world);
    check_changes(world, *rc::gen::inRange<std::size_t>(1, 4));
    RC_ASSERT(world.footers_repeat);
}

RC_BOOST_PROP(I18_a_restart_changes_nothing_that_readers_see, ()) {
    MemoryCheckpointStore store;
    IndexWorld world(store);
    for (auto const& step : *any_steps()) {
        take(world, step);
    }
    world.restart();
    world.restart();
    check_reads(world, 4);
    check_changes(world, 3);
    while (world.seal_segment()) {
    }
    RC_ASSERT(world.footers_repeat);
    check_reads(world, 4);
}

RC_BOOST_PROP(a_cursor_may_jump_wherever_its_hints_point, ()) {
    MemoryCheckpointStore store;
    IndexWorld world(store);
    StreamNumber const stream{1};
    for (auto segments = *rc::gen::inRange(1, 40); segments > 0; --segments) {
        for (auto runs = *rc::gen::inRange(0, 4); runs > 0; --runs) {
            world.append(stream, 1, 1);
            world.append(StreamNumber{2}, 1, 1);
        }
        world.next_segment();
        world.seal_segment();
    }
    world.checkpoint().value();
    world.hear_of_checkpoint();
    RunCursor cursor{stream, Seq{1}};
    for (int jumps = 0; jumps < 20; ++jumps) {
        cursor.next = Seq{*rc::gen::inRange<std::uint64_t>(1, world.maker.head(stream).value + 2)};
        auto expected = world.expected_from(stream, cursor.next);
        std::vector<RunEntry> runs;
        world.index->read(cursor, {.runs = 3}, runs).value();
        expected.resize(std::min<std::size_t>(expected.size(), 3));
        RC_ASSERT(runs == expected);
    }
}

BOOST_AUTO_TEST_CASE(a_stream_far_back_is_found_in_few_reads) {
    MemoryCheckpointStore store;
    IndexWorld world(store);
    constexpr std::uint64_t kSegments = 1'000;
    for (std::uint64_t i = 0; i < kSegments; ++i) {
        world.append(StreamNumber{1}, 1, 1);
        world.append(StreamNumber{2}, 1, 1);
        world.next_segment();
        world.seal_segment();
        world.checkpoint().value();
        world.hear_of_checkpoint();
    }
    BOOST_TEST(world.index->to_seal(world.maker.segment()).empty());
    for (std::uint64_t const seq : {1u, 2u, 500u, 511u, 512u, 513u, 999u, 1'000u}) {
        world.segments.reads = 0;
        BOOST_TEST((world.index->find(StreamNumber{1}, Seq{seq}).value()->first == Seq{seq}));
        BOOST_TEST(world.segments.reads <=
                   2 * 2 * 10 + 2);  // table and block, at most 2 log2 k hops
    }
    // In order: each footer once for its runs, and once for its links.
    world.segments.reads = 0;
    RunCursor cursor{StreamNumber{2}, Seq{1}};
    std::vector<RunEntry> runs;
    BOOST_TEST_REQUIRE(world.index->read(cursor, {.runs = 10'000}, runs).has_value());
    BOOST_TEST((runs == world.by_stream.at(StreamNumber{2})));
    BOOST_TEST(world.segments.reads <= 3 * kSegments + 100);
}

BOOST_AUTO_TEST_CASE(a_read_stops_at_its_limit_but_takes_one_run_at_least) {
    MemoryCheckpointStore store;
    IndexWorld world(store);
    for (int i = 0; i < 10; ++i) {
        world.append(StreamNumber{1}, 1, 4);  // 76 bytes each
    }
    std::vector<RunEntry> runs;
    RunCursor cursor{StreamNumber{1}, Seq{1}};
    BOOST_TEST_REQUIRE(world.index->read(cursor, {.bytes = 1}, runs).has_value());
    BOOST_TEST(runs.size() == 1u);
    BOOST_TEST_REQUIRE(world.index->read(cursor, {.bytes = 3 * 76}, runs).has_value());
    BOOST_TEST(runs.size() == 4u);
    BOOST_TEST((cursor.next == Seq{17}));
}

BOOST_AUTO_TEST_CASE(a_stream_that_does_not_exist_has_no_runs) {
    MemoryCheckpointStore store;
    IndexWorld world(store);
    world.append(StreamNumber{1}, 1, 4);
    BOOST_TEST(!world.index->find(StreamNumber{2}, Seq{1}).value().has_value());
    BOOST_TEST(!world.index->find(StreamNumber{1}, Seq{5}).value().has_value());
    BOOST_TEST(!world.index->find_run({StreamNumber{2}, test::device_of(1)}).value().has_value());
}

BOOST_AUTO_TEST_CASE(a_segment_that_lost_its_footer_cannot_be_sealed_from_memory) {
    MemoryCheckpointStore store;
    IndexWorld world(store);
    world.append(StreamNumber{1}, 1, 4);
    world.next_segment();
    world.seal_segment();
    world.checkpoint().value();
    world.hear_of_checkpoint();
    auto const again = world.index->seal(SegmentNumber{1}).run();
    BOOST_TEST_REQUIRE(again.has_error());
    BOOST_TEST((again.error().code == Errc::index_damaged));
}

BOOST_AUTO_TEST_CASE(a_search_for_a_run_gives_up_at_its_limit) {
    MemoryCheckpointStore store;
    IndexWorld world(store, {.find_run_blocks_max = 5});
    world.append(StreamNumber{1}, 9, 1);
    for (int i = 0; i < 10; ++i) {
        world.append(StreamNumber{1}, 1, 1);
        world.next_segment();
        world.seal_segment();
        world.checkpoint().value();
        world.hear_of_checkpoint();
    }
    auto const key_of = [](RunEntry const& run) {
        return RunKey{run.stream, run.device, run.attempt, run.first_counter};
    };
    BOOST_TEST((world.index->find_run(key_of(world.history[8])).value() == world.history[8]));
    BOOST_TEST(!world.index->find_run(key_of(world.history[0])).value().has_value());
}

BOOST_AUTO_TEST_CASE(ten_of_ten_thousand_moved_streams_are_told_without_the_others) {
    MemoryCheckpointStore store;
    IndexWorld world(store);
    for (std::uint32_t i = 1; i <= 10'000; ++i) {
        world.append(StreamNumber{i}, 1, 1);
    }
    world.checkpoint().value();
    world.hear_of_checkpoint();
    auto const held = world.maker.position();
    for (std::uint32_t i = 1; i <= 10; ++i) {
        world.append(StreamNumber{i * 900}, 1, 1);
        world.append(StreamNumber{i * 900}, 1, 1);
    }
    BOOST_TEST((world.index->changed_after(held, 100'000).value() == world.expected_changes(held)));
    world.checkpoint().value();
    world.hear_of_checkpoint();
    BOOST_TEST(world.index->changed_after(held, 100'000).value().size() == 10u);
}

BOOST_AUTO_TEST_CASE(F5_a_flipped_bit_in_a_footer_is_an_error_never_another_run) {
    MemoryCheckpointStore store;
    IndexWorld world(store, {.footer_cache_bytes = 0});
    for (std::uint32_t i = 0; i < 60; ++i) {
        world.append(StreamNumber{1 + i % 3}, 1, 1 + i % 4);
    }
    world.next_segment();
    world.seal_segment();
    world.checkpoint().value();
    world.hear_of_checkpoint();
    auto& footer = world.segments.footers.at(SegmentNumber{1});
    auto const expected = world.by_stream.at(StreamNumber{2});
    for (std::size_t i = 0; i < footer.size(); ++i) {
        footer[i] ^= std::byte{1} << (i % 8);
        std::vector<RunEntry> runs;
        RunCursor cursor{StreamNumber{2}, Seq{1}};
        auto const read = world.index->read(cursor, {}, runs);
        bool const refused = read.has_error() && (read.error().code == Errc::index_damaged ||
                                                  read.error().code == Errc::format_unknown);
        if (!refused) {
            BOOST_TEST_CONTEXT("byte " << i) {
                BOOST_TEST((runs == expected));
            }
        }
        footer[i] ^= std::byte{1} << (i % 8);
    }
}

BOOST_AUTO_TEST_CASE(every_failing_storage_call_is_an_error_and_nothing_worse) {
    MemoryCheckpointStore store;
    IndexWorld world(store);
    for (std::uint32_t i = 0; i < 40; ++i) {
        world.append(StreamNumber{1 + i % 3}, static_cast<std::uint8_t>(i % 2), 1);
        if (i % 8 == 7) {
            world.next_segment();
            world.seal_segment();
            world.checkpoint().value();
            world.hear_of_checkpoint();
        }
    }
    auto const use = [&]() -> Result<> {
        Index fresh(store, world.segments);
        CAPSTAN_TRY(fresh.recover());
        CAPSTAN_TRY(fresh.find(StreamNumber{1}, Seq{1}));
        CAPSTAN_TRY(fresh.find_run({StreamNumber{1}, test::device_of(7), Attempt{1}, Counter{1}}));
        CAPSTAN_TRY(fresh.changed_after(Position{}, 100));
        CAPSTAN_TRY(fresh.seal(world.maker.segment()).run());
        return success();
    };
    auto const start = store.calls();
    BOOST_TEST_REQUIRE(use().has_value());
    auto const calls = store.calls() - start;
    BOOST_TEST(calls >= 4u);
    for (std::size_t n = 0; n < calls; ++n) {
        store.fail_after(n, Errc::disk_io);
        auto const used = use();
        BOOST_TEST_CONTEXT("call " << n) {
            BOOST_TEST_REQUIRE(used.has_error());
            BOOST_TEST((used.error().code == Errc::disk_io));
        }
    }
    BOOST_TEST(use().has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan
