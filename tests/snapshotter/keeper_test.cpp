#include <rapidcheck.h>
#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/engine/sim/sim_clock.hpp>
#include <capstan/engine/sim/sim_executor.hpp>
#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/engine/sim/sim_storage.hpp>
#include <capstan/engine/snapshot/folded_delta.hpp>
#include <capstan/engine/snapshot/packing.hpp>
#include <capstan/engine/snapshot/restore.hpp>
#include <capstan/snapshotter/keeper.hpp>

#include "tape_partition.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

std::string const kStream = "acme/notes";

/// Small pages, so that a build takes many steps.
SnapshotOptions small_steps() {
    SnapshotOptions options;
    options.policy = {.events = 100, .bytes = 0, .events_min = 20, .age = std::chrono::hours(1)};
    options.page_bytes = 2'000;
    options.check_every = 3;
    return options;
}

/// Simulated time in which each reading takes `reading_takes`, as if there were work between two.
class WorkingClock final : public Clock {
  public:
    explicit WorkingClock(SimClock& clock) : clock_(clock) {}
    Instant now() const override {
        clock_.advance(reading_takes);
        return clock_.now();
    }
    WallTime wall() const override { return clock_.wall(); }
    Duration reading_takes{};

  private:
    SimClock& clock_;
};

/// A keeper on a simulated disk and three simulated threads.
class KeeperBed {
  public:
    explicit KeeperBed(SnapshotOptions const& options = small_steps(), std::uint64_t seed = 1)
        : options_(options), random(seed) {
        start();
    }

    void start() {
        strand_ = std::make_unique<SimExecutor>(schedule);
        builder_ = std::make_unique<SimExecutor>(schedule);
        reader_ = std::make_unique<SimExecutor>(schedule);
        keeper = SnapshotKeeper::make(
            options_,
            {disk, working, *strand_, *builder_, *reader_},
            [this](std::string_view, Error const& why) { troubles.push_back(why.code); });
        keeper->attach(partition);
    }
    /// The process dies; the disk keeps any part of what was not flushed.
    void crash() {
        strand_.reset();
        builder_.reset();
        reader_.reset();
        keeper.reset();
        disk.crash(random);
        start();
    }
    void move_to(Tape const& tape, Seq head) {
        auto const stat = partition.stat(kStream).value();
        Seq const before = stat ? stat->head : Seq{};
        partition.show(kStream, tape, head);
        if (head > before) {
            keeper->on_moved(partition.moved(kStream, before.next()));
        }
    }
    Executor& strand() { return *strand_; }

    Result<SnapshotOffer> create() {
        std::optional<Result<SnapshotOffer>> answer;
        keeper->create(kStream, [&](auto const& offer) { answer.emplace(offer); });
        schedule.run();
        BOOST_REQUIRE(answer.has_value());
        return *answer;
    }
    Result<SnapshotOffer> check() {
        std::optional<Result<SnapshotOffer>> answer;
        keeper->check(kStream, [&](auto const& offer) { answer.emplace(offer); });
        schedule.run();
        BOOST_REQUIRE(answer.has_value());
        return *answer;
    }
    Result<Bytes> read(ChunkId const& id) {
        std::optional<Result<Bytes>> answer;
        keeper->read(kStream, id, [&](auto const& bytes) {
            answer.emplace(bytes ? Result<Bytes>(*bytes.value()) : bytes.error());
        });
        schedule.run();
        BOOST_REQUIRE(answer.has_value());
        return *answer;
    }
    /// As a device takes it.
    Result<FoldedDelta> fold(Seq from) {
        std::optional<Result<FoldedBytes>> answer;
        keeper->fold(kStream, from, [&](auto const& delta) { answer.emplace(delta); });
        schedule.run();
        BOOST_REQUIRE(answer.has_value());
        CAPSTAN_TRY(auto const folded, *answer);
        CAPSTAN_TRY(auto const bytes, unpack_chunk(*folded.packed, folded.ref));
        return decode_delta(bytes);
    }
    /// What a device makes of the newest snapshot. Nothing if a part was not to be had.
    std::optional<RestoredSnapshot> restored() {
        if (keeper->newest(kStream) == nullptr) {
            return std::nullopt;
        }
        auto const id = keeper->newest(kStream)->manifest;
        auto const bytes = read(id);
        if (!bytes) {
            return std::nullopt;
        }
        BOOST_REQUIRE((chunk_id(bytes.value()) == id));
        auto const manifest = decode_manifest(bytes.value()).value();
        auto restored = restore_snapshot(manifest, [this](ChunkRef const& ref) -> Result<Bytes> {
            CAPSTAN_TRY(auto const packed, read(ref.id));
            return unpack_chunk(packed, ref);
        });
        return restored ? std::optional(std::move(restored).value()) : std::nullopt;
    }
    void flip_a_bit_of(std::string const& name) {
        disk.flip_bit(name, 8 * (disk.contents(name).size() / 2));
    }
    std::vector<std::string> chunk_files() {
        auto names = disk.list().value();
        std::erase_if(names, [](auto const& name) { return !name.starts_with("c-"); });
        return names;
    }

  private:
    SnapshotOptions options_;

  public:
    SimRandom random;
    SimClock clock;
    WorkingClock working{clock};
    SimSchedule schedule{clock, random};
    SimStorage disk;
    TapePartition partition;
    std::vector<Errc> troubles;
    std::unique_ptr<SnapshotKeeper> keeper;

  private:
    std::unique_ptr<SimExecutor> strand_;
    std::unique_ptr<SimExecutor> builder_;
    std::unique_ptr<SimExecutor> reader_;
};

bool is_replay(RestoredSnapshot const& restored, Tape const& tape) {
    auto const replayed = tape.replay(restored.model.head());
    return restored.model.state_hash() == replayed.state_hash() &&
           encode_window(restored.model) == encode_window(replayed);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshot_keeper)

BOOST_AUTO_TEST_CASE(a_snapshot_is_built_when_enough_has_come) {
    auto const tape = busy_tape(kStream, 400, 1);
    KeeperBed bed;
    bed.schedule.run();
    bed.move_to(tape, Seq{99});
    bed.schedule.run();
    BOOST_TEST(bed.keeper->newest(kStream) == nullptr);
    BOOST_TEST(bed.partition.reads == 0U);
    bed.move_to(tape, Seq{100});
    bed.schedule.run();
    BOOST_REQUIRE(bed.keeper->newest(kStream) != nullptr);
    BOOST_TEST((bed.keeper->newest(kStream)->seq == Seq{100}));
    bed.move_to(tape, Seq{199});
    bed.schedule.run();
    BOOST_TEST((bed.keeper->newest(kStream)->seq == Seq{100}));
    bed.move_to(tape, Seq{230});
    bed.schedule.run();
    BOOST_TEST((bed.keeper->newest(kStream)->seq == Seq{230}));
    BOOST_TEST(bed.keeper->list(kStream).size() == 2U);
    BOOST_TEST(bed.keeper->counters().builds == 2U);
    BOOST_TEST(is_replay(bed.restored().value(), tape));
    BOOST_TEST(bed.troubles.empty());
}

BOOST_AUTO_TEST_CASE(few_events_are_due_when_they_have_aged_and_fewer_never) {
    auto const tape = busy_tape(kStream, 100, 2);
    KeeperBed bed;
    bed.move_to(tape, Seq{19});
    bed.schedule.run_for(std::chrono::hours(2));
    bed.keeper->on_tick(bed.clock.now());
    bed.schedule.run();
    BOOST_TEST(bed.keeper->newest(kStream) == nullptr);
    bed.move_to(tape, Seq{20});
    bed.schedule.run_for(std::chrono::minutes(1));
    bed.keeper->on_tick(bed.clock.now());
    bed.schedule.run();
    BOOST_REQUIRE(bed.keeper->newest(kStream) != nullptr);
    BOOST_TEST((bed.keeper->newest(kStream)->seq == Seq{20}));
}

BOOST_AUTO_TEST_CASE(a_build_lets_others_have_the_strand_between_its_pages) {
    auto const tape = busy_tape(kStream, 300, 3);
    KeeperBed bed;
    bed.schedule.run();
    bed.partition.show(kStream, tape, Seq{300});
    bool built = false;
    bed.keeper->create(kStream, [&](auto const& offer) { built = offer.has_value(); });
    std::size_t turns = 0;
    std::function<void()> turn = [&] {
        ++turns;
        if (!built) {
            bed.strand().post([&] { turn(); });
        }
    };
    turn();
    bed.schedule.run();
    BOOST_TEST(built);
    BOOST_TEST(bed.partition.reads > 10U);
    BOOST_TEST(turns > bed.partition.reads);
}

BOOST_AUTO_TEST_CASE(who_asks_at_once_shares_a_build) {
    auto const tape = busy_tape(kStream, 80, 4);
    KeeperBed bed;
    BOOST_TEST((bed.create().error().code == Errc::not_found));
    bed.partition.show(kStream, tape, Seq{80});
    std::size_t answers = 0;
    for (int i = 0; i < 50; ++i) {
        bed.keeper->create(kStream, [&](auto const& offer) {
            answers += offer && offer.value().seq == Seq{80} ? 1 : 0;
        });
    }
    bed.schedule.run();
    BOOST_TEST(answers == 50U);
    BOOST_TEST(bed.keeper->counters().builds <= 2U);
}

BOOST_AUTO_TEST_CASE(those_who_ask_for_a_chunk_at_once_share_its_reading) {
    auto const tape = busy_tape(kStream, 80, 5);
    KeeperBed bed;
    bed.partition.show(kStream, tape, Seq{80});
    auto const manifest = bed.create().value().manifest;
    std::size_t answers = 0;
    for (int i = 0; i < 1'000; ++i) {
        bed.keeper->read(kStream, manifest, [&](auto const& bytes) { answers += bytes ? 1 : 0; });
    }
    bed.schedule.run();
    BOOST_TEST(answers == 1'000U);
    BOOST_TEST(bed.read(manifest).has_value());
    BOOST_TEST(bed.keeper->counters().reads == 1U);
    BOOST_TEST(bed.keeper->counters().cache_hits == 1U);
}

BOOST_AUTO_TEST_CASE(those_who_ask_for_a_folded_delta_at_once_share_it) {
    auto const tape = busy_tape(kStream, 200, 5);
    KeeperBed bed;
    bed.partition.show(kStream, tape, Seq{200});
    BOOST_TEST((bed.fold(Seq{90}).error().code == Errc::not_found));
    BOOST_REQUIRE(bed.create().has_value());
    std::size_t answers = 0;
    for (int i = 0; i < 1'000; ++i) {
        bed.keeper->fold(kStream, Seq{90}, [&](auto const& delta) { answers += delta ? 1 : 0; });
    }
    bed.schedule.run();
    BOOST_TEST(answers == 1'000U);
    BOOST_TEST(bed.keeper->counters().reads == 1U);
    auto device = tape.replay(Seq{90});
    auto const delta = bed.fold(Seq{90});
    BOOST_TEST(bed.keeper->counters().cache_hits == 1U);
    BOOST_REQUIRE(apply_delta(device, delta.value()).has_value());
    BOOST_TEST(device.state_hash() == tape.replay(Seq{200}).state_hash());
    BOOST_TEST((bed.fold(Seq{0}).error().code == Errc::not_found));
    BOOST_TEST((bed.fold(Seq{200}).error().code == Errc::not_found));
}

BOOST_AUTO_TEST_CASE(a_folded_delta_of_damaged_chunks_is_not_handed_out) {
    auto const tape = busy_tape(kStream, 200, 7);
    KeeperBed bed;
    bed.partition.show(kStream, tape, Seq{200});
    BOOST_REQUIRE(bed.create().has_value());
    for (auto const& name : bed.chunk_files()) {
        bed.flip_a_bit_of(name);
    }
    BOOST_TEST((bed.fold(Seq{90}).error().code == Errc::not_ready));
    BOOST_TEST(bed.keeper->counters().damages == 1U);
    auto device = tape.replay(Seq{90});
    BOOST_REQUIRE(apply_delta(device, bed.fold(Seq{90}).value()).has_value());
    BOOST_TEST(device.state_hash() == tape.replay(Seq{200}).state_hash());
}

BOOST_AUTO_TEST_CASE(a_restart_goes_on_from_what_is_there) {
    auto const tape = busy_tape(kStream, 400, 6);
    KeeperBed bed;
    bed.partition.show(kStream, tape, Seq{200});
    auto const before = bed.create().value();
    bed.crash();
    BOOST_TEST(bed.keeper->newest(kStream) == nullptr);  // not read yet
    bed.schedule.run();
    BOOST_REQUIRE(bed.keeper->newest(kStream) != nullptr);
    BOOST_TEST((bed.keeper->newest(kStream)->manifest == before.manifest));
    auto const reads = bed.partition.reads;
    bed.partition.show(kStream, tape, Seq{210});
    BOOST_REQUIRE(bed.create().has_value());
    BOOST_TEST(bed.partition.reads - reads < 10U);
    BOOST_TEST(is_replay(bed.restored().value(), tape));
}

BOOST_AUTO_TEST_CASE(a_damaged_chunk_is_not_handed_out_but_built_anew) {
    auto const tape = busy_tape(kStream, 200, 7);
    for (bool const manifest : {false, true}) {
        KeeperBed bed;
        bed.partition.show(kStream, tape, Seq{200});
        auto const offer = bed.create().value();
        auto name = bed.chunk_files().front();
        auto id = *parse_chunk_id(name.substr(name.size() - 64));
        if (manifest) {
            name = bed.disk.list().value().back();
            BOOST_REQUIRE(name.starts_with("m-"));
            id = offer.manifest;
        }
        bed.flip_a_bit_of(name);
        BOOST_TEST((bed.read(id).error().code == Errc::not_ready));
        BOOST_TEST(bed.keeper->counters().damages == 1U);
        BOOST_REQUIRE(bed.keeper->newest(kStream) != nullptr);  // `read` ran all that was to do
        BOOST_TEST((bed.keeper->newest(kStream)->manifest == offer.manifest));
        BOOST_TEST(bed.read(id).has_value());
        BOOST_TEST(is_replay(bed.restored().value(), tape));
    }
}

BOOST_AUTO_TEST_CASE(a_build_on_damage_begins_with_the_first_event) {
    auto const tape = busy_tape(kStream, 300, 8);
    KeeperBed bed;
    bed.partition.show(kStream, tape, Seq{200});
    BOOST_REQUIRE(bed.create().has_value());
    for (auto const& name : bed.chunk_files()) {
        bed.flip_a_bit_of(name);
    }
    bed.partition.show(kStream, tape, Seq{300});
    BOOST_REQUIRE(bed.create().has_value());
    BOOST_TEST(bed.keeper->counters().damages == 1U);
    BOOST_TEST(is_replay(bed.restored().value(), tape));
}

BOOST_AUTO_TEST_CASE(a_check_compares_with_the_tape_and_replaces_what_differs) {
    auto const tape = busy_tape(kStream, 200, 9);
    auto const other = busy_tape(kStream, 200, 10);
    KeeperBed bed;
    BOOST_TEST((bed.check().error().code == Errc::not_found));
    bed.partition.show(kStream, tape, Seq{200});
    BOOST_REQUIRE(bed.create().has_value());
    BOOST_TEST(bed.check().has_value());
    BOOST_TEST(bed.keeper->counters().damages == 0U);
    bed.partition.show(kStream, other, Seq{200});
    BOOST_TEST((bed.check().error().code == Errc::index_damaged));
    BOOST_TEST(bed.keeper->counters().damages == 1U);
    BOOST_TEST(is_replay(bed.restored().value(), other));
    BOOST_TEST(bed.check().has_value());
}

BOOST_AUTO_TEST_CASE(one_build_in_three_is_checked_unasked_if_the_stream_has_doubled) {
    auto const tape = busy_tape(kStream, 600, 11);
    KeeperBed bed;
    std::vector<std::uint64_t> checks;
    for (std::uint64_t head = 50; head <= 600; head += 50) {
        bed.partition.show(kStream, tape, Seq{head});
        BOOST_REQUIRE(bed.create().has_value());
        checks.push_back(bed.keeper->counters().checks);
    }
    std::vector<std::uint64_t> const expected{0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3};
    BOOST_TEST(checks == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(removed_snapshots_are_gone_from_the_disk) {
    auto const tape = busy_tape(kStream, 100, 12);
    KeeperBed bed;
    bed.partition.show(kStream, tape, Seq{100});
    auto const manifest = bed.create().value().manifest;
    bool removed = false;
    bed.keeper->remove(kStream, [&](auto const& done) { removed = done.has_value(); });
    bed.schedule.run();
    BOOST_TEST(removed);
    BOOST_TEST(bed.disk.list().value().empty());
    BOOST_TEST((bed.read(manifest).error().code == Errc::not_found));
}

BOOST_AUTO_TEST_CASE(a_full_disk_fails_a_build_and_leaves_the_snapshot_before) {
    auto const tape = busy_tape(kStream, 200, 13);
    KeeperBed bed;
    bed.partition.show(kStream, tape, Seq{100});
    BOOST_REQUIRE(bed.create().has_value());
    bed.partition.show(kStream, tape, Seq{200});
    bed.disk.fail_from(0, Errc::storage_full);
    BOOST_TEST((bed.create().error().code == Errc::storage_full));
    bed.disk.heal();
    BOOST_TEST(bed.keeper->counters().builds_failed == 1U);
    BOOST_TEST((bed.keeper->newest(kStream)->seq == Seq{100}));
    BOOST_TEST(is_replay(bed.restored().value(), tape));
    BOOST_TEST((bed.create().value().seq == Seq{200}));
}

/// Each step of a build takes a millisecond of its thread here.
BOOST_AUTO_TEST_CASE(a_build_that_nobody_waits_for_rests_nine_times_as_long_as_it_works) {
    auto const tape = busy_tape(kStream, 300, 14);
    auto const time_of = [&tape](auto const& build) {
        KeeperBed bed;
        bed.schedule.run();
        bed.working.reading_takes = std::chrono::milliseconds(1);
        auto const began = bed.clock.now();
        build(bed);
        bed.schedule.run();
        BOOST_TEST((bed.keeper->newest(kStream)->seq == Seq{300}));
        return bed.clock.now() - began;
    };
    auto const due = time_of([&tape](KeeperBed& bed) { bed.move_to(tape, Seq{300}); });
    auto const asked_for = time_of([&tape](KeeperBed& bed) {
        bed.partition.show(kStream, tape, Seq{300});
        BOOST_TEST(bed.create().has_value());
    });
    auto const steps = asked_for / std::chrono::milliseconds(2);
    BOOST_TEST(steps > 10);
    BOOST_TEST((due - asked_for > std::chrono::milliseconds(9 * (steps - 4))));
}

/// Events, demands, damage and crashes in any order: what is offered is always what the tape says.
RC_BOOST_PROP(what_is_offered_is_what_the_tape_says, ()) {
    auto const tape = busy_tape(kStream, 300, *rc::gen::arbitrary<std::uint32_t>());
    KeeperBed bed(small_steps(), *rc::gen::arbitrary<std::uint64_t>());
    std::uint64_t head = 0;
    for (int step = 0; step < 30; ++step) {
        switch (*rc::gen::inRange(0, 8)) {
            case 0:
                bed.keeper->create(kStream, [](auto const&) {});
                break;
            case 1:
                bed.crash();
                break;
            case 2:
                if (auto const files = bed.chunk_files(); !files.empty()) {
                    bed.flip_a_bit_of(*rc::gen::elementOf(files));
                }
                break;
            case 3:
                bed.keeper->check(kStream, [](auto const&) {});
                break;
            case 4:
                bed.keeper->remove(kStream, [](auto const&) {});
                break;
            default:
                head = std::min<std::uint64_t>(300, head + *rc::gen::inRange<std::uint64_t>(1, 60));
                bed.move_to(tape, Seq{head});
                break;
        }
        bed.schedule.run(*rc::gen::inRange<std::size_t>(0, 60));
        if (auto const restored = bed.restored()) {
            RC_ASSERT(is_replay(*restored, tape));
        }
        Seq const from{*rc::gen::inRange<std::uint64_t>(1, 200)};
        if (auto const delta = bed.fold(from)) {
            auto device = tape.replay(from);
            RC_ASSERT(apply_delta(device, delta.value()).has_value());
            RC_ASSERT(device.state_hash() == tape.replay(delta.value().seq).state_hash());
        }
    }
    bed.partition.show(kStream, tape, Seq{300});
    bed.schedule.run();
    // A damaged file may be found by the first of these only.
    for (int tries = 0; tries < 3 && !bed.restored(); ++tries) {
        RC_ASSERT(bed.create().has_value());
    }
    RC_ASSERT(is_replay(bed.restored().value(), tape));
}

BOOST_AUTO_TEST_SUITE_END()
