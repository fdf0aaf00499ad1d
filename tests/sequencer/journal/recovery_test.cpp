#include <boost/test/unit_test.hpp>
#include <capstan/schema/frame.hpp>
#include <capstan/schema/hash.hpp>

#include "journal_world.hpp"

using namespace capstan;
using namespace capstan::test;

namespace {

constexpr std::size_t kBlock = 4'096;

/// Writes with another version number and a checksum that fits: what a newer build would leave.
void make_newer(JournalWorld& world, std::uint64_t segment, std::size_t at) {
    auto bytes = world.file(segment);
    auto* header = bytes.data() + at;
    header[4] = std::byte{2};
    store(header + 8, std::uint64_t{0});
    store(header + 8, hash64({header, kFrameHeaderBytes}));
    world.disk->put(world.name(segment), bytes);
}

void overwrite(JournalWorld& world, std::uint64_t segment, std::size_t at, ByteView with) {
    auto bytes = world.file(segment);
    std::ranges::copy(with, bytes.begin() + static_cast<std::ptrdiff_t>(at));
    world.disk->put(world.name(segment), bytes);
}

/// Opening fails with this, and nothing on the disk has changed but for the lock.
void check_refused(JournalWorld& world, Errc code, std::string_view detail) {
    auto const before = world.image();
    auto const opened = world.open();
    BOOST_TEST_REQUIRE(!opened);
    BOOST_TEST((opened.error().code == code), text_of(opened.error()));
    BOOST_TEST(opened.error().detail.find(detail) != std::string::npos, opened.error().detail);
    BOOST_TEST((world.image() == before));
}

/// Three frames of two submissions each in segment 1, at blocks 1 to 3, all flushed.
JournalWorld three_frames() {
    JournalWorld world;
    world.open().value();
    for (int i = 0; i < 3; ++i) {
        world.commit({200, 200});
    }
    return world;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(journal_recovery)

BOOST_AUTO_TEST_CASE(F1_after_a_kill_all_that_was_appended_is_there_and_stays) {
    auto world = three_frames();
    world.append({300, 300}).value();
    world.kill();
    world.reopen();  // and loses power straight after
    BOOST_TEST(world.history.size() == 8U);
}

BOOST_AUTO_TEST_CASE(F2_power_loss_before_the_flush_keeps_the_frame_or_cuts_it) {
    struct Row {
        char const* name;
        Fate fate;
        std::size_t left;
    };
    // The frame of two 3,000-byte submissions takes 96 + 6,000 bytes: 12 sectors of 2 blocks, from
    // block 4 on.
    auto const sector = [](std::size_t lost) { return ~(std::uint64_t{1} << (4 * 8 + lost)); };
    for (auto const& row : {Row{"nothing", Fate::absent(), 6},
                            Row{"everything", Fate::whole(), 8},
                            Row{"all but the header's sector", Fate::torn(sector(0), 512), 6},
                            Row{"all but a sector between", Fate::torn(sector(5), 512), 6},
                            Row{"all but the last sector", Fate::torn(sector(11), 512), 6},
                            Row{"all but a sector of padding", Fate::torn(sector(13), 512), 8},
                            Row{"the header's sector", Fate::torn(~sector(0), 512), 6},
                            Row{"the first page", Fate::torn(0b010000, 4'096), 6},
                            Row{"the second page", Fate::torn(0b100000, 4'096), 6}}) {
        BOOST_TEST_CONTEXT(row.name) {
            auto world = three_frames();
            world.append({3'000, 3'000}).value();
            world.crash([&](PendingOp const&) { return row.fate; });
            world.reopen();
            BOOST_TEST(world.history.size() == row.left);
            world.commit({64});
            world.crash(lose);
            world.reopen();
        }
    }
}

BOOST_AUTO_TEST_CASE(F2_the_number_of_cut_bytes_is_reported) {
    auto world = three_frames();
    world.append({3'000, 3'000}).value();
    world.crash([](PendingOp const&) { return Fate::torn(0b010000, 4'096); });
    world.open().value();
    BOOST_TEST(world.recovery.bytes_cut == 2 * kBlock);
    BOOST_TEST((world.recovery.end.position == Position{6}));
    BOOST_TEST(world.recovery.end.offset.value == 4 * kBlock);
}

BOOST_AUTO_TEST_CASE(F3_torn_record_at_the_tail_is_cut_and_never_comes_back) {
    auto world = three_frames();
    world.append({3'000, 3'000}).value();
    // The torn frame's header stays. Were it left there, and the next frame's write lost but for
    // its payload, ...
    world.crash([](PendingOp const&) { return Fate::torn(0b010000, 4'096); });
    world.reopen();
    world.append({3'000, 3'000}).value();
    world.crash([](PendingOp const&) { return Fate::torn(0b100000, 4'096); });
    world.reopen();
    BOOST_TEST(world.history.size() == 6U);
    auto const file = world.file(1);
    BOOST_TEST(std::all_of(file.begin() + 4 * kBlock, file.begin() + 5 * kBlock, [](auto byte) {
        return byte == std::byte{0};
    }));
}

BOOST_AUTO_TEST_CASE(two_frames_in_flight_the_first_torn_the_second_whole_is_an_honest_crash) {
    auto world = three_frames();
    world.append({200}).value();
    world.append({200}).value();
    world.crash([](PendingOp const& op) {
        return op.offset == 4 * kBlock ? Fate::absent() : Fate::whole();
    });
    world.reopen();
    BOOST_TEST(world.history.size() == 6U);
    // The second one is gone for good, though its place is not written again for a while.
    world.commit({200});
    world.crash(lose);
    world.reopen();
    BOOST_TEST(world.history.size() == 7U);
}

BOOST_AUTO_TEST_CASE(F4_a_bad_frame_that_a_later_one_declares_durable_is_never_cut) {
    struct Row {
        char const* name;
        std::size_t bit;
        char const* detail;
    };
    for (auto const& row :
         {Row{"payload of the first",
              (kBlock + 200) * 8,
              "segment 1, offset 4096, positions 1..2: the payload of a frame differs from its "
              "hash, but position 4 was declared durable"},
          Row{"header of the first",
              (kBlock + 40) * 8,
              "segment 1, offset 4096, positions 1..2: no whole frame here, but position 4 was"},
          Row{"magic of the second", 2 * kBlock * 8, "segment 1, offset 8192, positions 3..4"},
          Row{"secret of the second",
              (2 * kBlock + 24) * 8,
              "segment 1, offset 8192, positions 3..4"}}) {
        BOOST_TEST_CONTEXT(row.name) {
            auto world = three_frames();
            world.crash(lose);
            world.disk->flip_bit(world.name(1), row.bit);
            check_refused(world, Errc::journal_corrupt, row.detail);
        }
    }
}

BOOST_AUTO_TEST_CASE(F4_two_bad_frames_are_named_as_one_range) {
    auto world = three_frames();
    world.commit({200});
    world.crash(lose);
    world.disk->flip_bit(world.name(1), kBlock * 8);
    world.disk->flip_bit(world.name(1), 2 * kBlock * 8);
    check_refused(world, Errc::journal_corrupt, "offset 4096, positions 1..4:");
}

BOOST_AUTO_TEST_CASE(F4_the_last_frame_is_told_from_a_torn_one_by_the_marker_behind_it) {
    auto world = three_frames();
    world.mark_idle().value();
    world.crash(lose);
    world.disk->flip_bit(world.name(1), (3 * kBlock + 200) * 8);
    check_refused(world, Errc::journal_corrupt, "offset 12288, positions 5..6:");
}

BOOST_AUTO_TEST_CASE(F4_a_rotten_marker_costs_nothing) {
    auto world = three_frames();
    world.mark_idle().value();
    world.crash(lose);
    world.disk->flip_bit(world.name(1), (4 * kBlock + 50) * 8);
    world.reopen();
    BOOST_TEST(world.history.size() == 6U);
}

BOOST_AUTO_TEST_CASE(F4_the_end_of_a_closed_segment_is_declared_by_the_next_one) {
    JournalWorld world;
    world.open().value();
    auto const closed = world.fill_segment();
    world.crash(lose);
    auto const last = kBlock * closed.last.value;
    world.disk->flip_bit(world.name(1), (last + 200) * 8);
    check_refused(world,
                  Errc::journal_corrupt,
                  "positions " + std::to_string(closed.last.value) + ".." +
                      std::to_string(closed.last.value) + ": the payload");
}

BOOST_AUTO_TEST_CASE(F4_a_damaged_segment_header_is_damage) {
    JournalWorld world;
    world.open().value();
    world.fill_segment();
    world.crash(lose);
    for (int const segment : {1, 2}) {
        auto copy = JournalWorld(world.disk->fork());
        copy.disk->flip_bit(copy.name(static_cast<std::uint64_t>(segment)), 20 * 8);
        check_refused(
            copy, Errc::journal_corrupt, "segment " + std::to_string(segment) + ": segment header");
    }
}

BOOST_AUTO_TEST_CASE(F4_a_missing_segment_is_damage) {
    JournalWorld world;
    world.open().value();
    world.fill_segment();
    auto const second = world.fill_segment();
    auto const sealed_next = world.journal->locate(second.last).value();
    world.journal->seal(SegmentNumber{1}, {}).value();
    world.journal->seal(SegmentNumber{2}, {}).value();
    auto const checkpoint = world.commit({100}).frames.front().after();
    world.crash(lose);

    auto middle = JournalWorld(world.disk->fork());
    middle.disk->remove(middle.name(2)).value();
    check_refused(middle, Errc::journal_corrupt, "segment 2");

    auto last = JournalWorld(world.disk->fork());
    last.history = world.history;
    last.disk->remove(last.name(3)).value();
    check_refused(last, Errc::journal_corrupt, "segment 3");
    last.options.checkpoint = checkpoint;
    check_refused(last, Errc::journal_corrupt, "the checkpoint's segment is not there");
    last.options.checkpoint = sealed_next;
    check_refused(last, Errc::journal_corrupt, "segment 3");

    auto all = JournalWorld(world.disk->fork());
    all.history = world.history;
    for (std::uint64_t const segment : {1, 2, 3}) {
        all.disk->remove(all.name(segment)).value();
    }
    all.options.checkpoint = checkpoint;
    check_refused(all, Errc::journal_corrupt, "there is a checkpoint, but no segment");
}

BOOST_AUTO_TEST_CASE(F4_a_segment_that_does_not_go_on_from_the_one_before_is_damage) {
    JournalWorld world;
    world.open().value();
    auto const closed = world.fill_segment();
    world.crash(lose);
    struct Row {
        char const* name;
        std::function<void(SegmentHeader&)> spoil;
        std::string detail;
    };
    auto const next = std::to_string(closed.last.next().value);
    for (auto const& row :
         {Row{"later", [](auto& h) { ++h.first_position.value; }, "positions " + next + ".."},
          Row{"earlier", [](auto& h) { --h.first_position.value; }, "segment 2, offset 0"},
          Row{"chain", [](auto& h) { ++h.chain.high; }, "with another submission chain"}}) {
        BOOST_TEST_CONTEXT(row.name) {
            JournalWorld copy(world.disk->fork());
            auto header = decode_segment_header(copy.file(2)).value();
            row.spoil(header);
            overwrite(copy, 2, 0, encode(header));
            check_refused(copy, Errc::journal_corrupt, row.detail);
        }
    }
}

BOOST_AUTO_TEST_CASE(F4_damage_below_the_checkpoint_is_found_by_reading_and_the_rest_serves) {
    auto world = three_frames();
    world.options.checkpoint = world.commit({200, 200}).frames.front().after();
    world.commit({200});
    world.crash(lose);
    world.disk->flip_bit(world.name(1), (2 * kBlock + 100) * 8);
    world.reopen();
    BOOST_TEST(world.recovery.submissions == 1U);
    std::vector<Position> seen;
    auto const see = [&](StoredSubmission const& stored) -> Result<Visit> {
        seen.push_back(stored.position);
        return Visit::next;
    };
    auto const start = world.journal->locate(Position{0}).value();
    auto const damage = world.journal->read(start, see).error();
    BOOST_TEST((damage.code == Errc::journal_corrupt));
    BOOST_TEST(damage.detail.find("segment 1, offset 8192, positions 3..4") == 0U, damage.detail);
    BOOST_TEST((seen == std::vector{Position{1}, Position{2}}));
    seen.clear();
    world.journal->read(*world.options.checkpoint, see).value();
    BOOST_TEST((seen == std::vector{Position{9}}));
    world.commit({200});
}

BOOST_AUTO_TEST_CASE(recovery_reads_from_the_checkpoint_on) {
    JournalWorld world;
    world.open().value();
    for (int i = 0; i < 4; ++i) {
        world.fill_segment();
    }
    for (auto const segment : world.closed) {
        world.journal->seal(segment.number, record_of(1, 64)).value();
    }
    auto const place = world.commit({100}).frames.front().after();
    world.commit({100});
    world.options.checkpoint = place;
    world.kill();
    std::set<std::string> opened;
    world.disk->set_on_call([&](std::string_view call, std::string_view name) {
        if (call == "pread") {
            opened.emplace(name);
        }
    });
    world.open().value();
    // Segment 4 is looked at for its footer.
    BOOST_TEST((opened == std::set<std::string>{world.name(4), world.name(5)}));
    BOOST_TEST(world.recovery.submissions == 1U);
    BOOST_TEST((world.recovery.start == place));
}

BOOST_AUTO_TEST_CASE(a_checkpoint_may_stand_anywhere_in_its_segment) {
    JournalWorld world;
    world.open().value();
    std::vector<JournalPlace> places;
    places.push_back(world.recovery.end);
    while (world.closed.size() < 2) {
        world.commit({900, 900, 900});
    }
    world.journal->seal(SegmentNumber{1}, record_of(1, 64)).value();
    world.commit({100, 200});
    auto const collect = [&](StoredSubmission const& stored) -> Result<Visit> {
        places.push_back(stored.after());
        // The frame's own place, or one before it in the segment, will do too.
        places.push_back({stored.position, stored.chain, stored.segment, Offset{kBlock}});
        return Visit::next;
    };
    world.journal->read(places.front(), collect).value();
    BOOST_TEST(places.size() == 2 * world.history.size() + 1);
    for (std::size_t i = 0; i < places.size(); ++i) {
        BOOST_TEST_CONTEXT("place " << i) {
            JournalWorld copy(world.disk->fork());
            copy.history = world.history;
            copy.flushed = world.flushed;
            copy.options.checkpoint = places[i];
            copy.reopen();
            BOOST_TEST(copy.recovery.submissions ==
                       world.history.size() - places[i].position.value);
            BOOST_TEST((copy.journal->locate(places[i].position).has_value()));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_does_not_fit_the_journal_is_refused) {
    auto world = three_frames();
    auto const place = world.journal->locate(Position{4}).value();
    world.kill();
    struct Row {
        char const* name;
        std::function<void(JournalPlace&)> spoil;
        char const* detail;
    };
    for (auto const& row : {
             Row{"chain", [](auto& p) { ++p.chain.low; }, "the submission chain differs"},
             Row{"position too low",
                 [](auto& p) { p.position = Position{2}; },
                 "expected position 3"},
             Row{"no such segment", [](auto& p) { ++p.segment.value; }, "is not there"},
             Row{"no block", [](auto& p) { ++p.offset.value; }, "at no frame"},
             Row{"the header", [](auto& p) { p.offset.value = 0; }, "at no frame"},
             Row{"beyond the file", [](auto& p) { p.offset.value = 1 << 20; }, "at no frame"},
         }) {
        BOOST_TEST_CONTEXT(row.name) {
            JournalWorld copy(world.disk->fork());
            copy.history = world.history;
            copy.options.checkpoint = place;
            row.spoil(*copy.options.checkpoint);
            check_refused(copy, Errc::journal_corrupt, row.detail);
        }
    }
}

BOOST_AUTO_TEST_CASE(part_of_a_frame_below_the_checkpoint_declares_all_of_it) {
    auto world = three_frames();
    JournalPlace inside;
    world.journal
        ->read(world.journal->locate(Position{4}).value(),
               [&](StoredSubmission const& stored) -> Result<Visit> {
                   inside = stored.after();
                   return Visit::stop;
               })
        .value();
    BOOST_TEST((inside.position == Position{5}));
    world.crash(lose);
    world.options.checkpoint = inside;
    world.disk->flip_bit(world.name(1), (3 * kBlock + 400) * 8);
    check_refused(world, Errc::journal_corrupt, "offset 12288");
}

BOOST_AUTO_TEST_CASE(F6_a_failed_flush_is_final_and_recovery_does_not_trust_the_cache) {
    for (bool const cleans : {false, true}) {
        for (bool const power_loss : {false, true}) {
            BOOST_TEST_CONTEXT("cleans " << cleans << ", power loss " << power_loss) {
                auto world = three_frames();
                world.disk->set_failed_sync_cleans(cleans);
                world.append({200}).value();
                world.disk->fail_call(0, Errc::disk_io);
                BOOST_TEST((world.flush().error().code == Errc::storage_failed));
                BOOST_TEST(world.disk->heal());
                BOOST_TEST((world.journal->flush().error().code == Errc::storage_failed));
                BOOST_TEST((world.append({200}).error().code == Errc::storage_failed));
                BOOST_TEST((world.journal->mark_idle().error().code == Errc::storage_failed));
                BOOST_TEST((world.journal->prepare_spare().error().code == Errc::storage_failed));
                BOOST_TEST((world.journal->trim(Position{1}).error().code == Errc::storage_failed));
                BOOST_TEST((world.journal->seal(SegmentNumber{1}, {}).error().code ==
                            Errc::storage_failed));
                BOOST_TEST((world.journal->durable() == Position{6}));
                BOOST_TEST(world.read_all().size() == 6U);
                BOOST_TEST(!world.journal->describe().failed.empty());
                if (power_loss) {
                    world.crash(lose);
                } else {
                    world.kill();
                }
                world.reopen();  // checks that what it finds survives a power loss
                BOOST_TEST(world.history.size() == (power_loss ? 6U : 7U));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(F7_a_failed_write_is_final) {
    auto world = three_frames();
    world.disk->fail_call(0, Errc::disk_io);
    BOOST_TEST((world.append({200}).error().code == Errc::storage_failed));
    world.disk->heal();
    BOOST_TEST((world.append({200}).error().code == Errc::storage_failed));
    world.kill();
    world.reopen();
    BOOST_TEST(world.history.size() <= 7U);
}

BOOST_AUTO_TEST_CASE(F8_a_full_disk_refuses_whole_batches_and_appending_resumes_alone) {
    JournalWorld world;
    world.open().value();
    world.disk->set_capacity(kSegmentBytesMin + 10'000);
    while (world.append({4'000, 4'000}).has_value()) {
        world.flush().value();
    }
    auto const before = world.image();
    auto const refused = world.append({4'000, 4'000});
    BOOST_TEST((refused.error().code == Errc::storage_full));
    BOOST_TEST((world.journal->prepare_spare().error().code == Errc::storage_full));
    BOOST_TEST((world.image() == before));
    BOOST_TEST((world.read_all() == world.history));
    world.mark_idle().value();
    world.disk->set_capacity(3 * kSegmentBytesMin);
    world.commit({4'000, 4'000});
    BOOST_TEST((world.read_all() == world.history));
    world.crash(lose);
    world.reopen();
}

BOOST_AUTO_TEST_CASE(F8_a_ready_spare_is_enough_on_a_full_disk) {
    JournalWorld world;
    world.open().value();
    world.make_spare();
    world.disk->set_capacity(2 * kSegmentBytesMin);
    world.fill_segment();
    BOOST_TEST((world.append({60'000}).error().code == Errc::storage_full));
    auto const sealed = world.journal->seal(SegmentNumber{1}, Bytes(100'000));
    BOOST_TEST((sealed.error().code == Errc::storage_full));
    world.journal->seal(SegmentNumber{1}, Bytes(100)).value();
    world.commit({1'000});
    world.journal->trim(Position{world.history.size()}).value();
    world.commit({50'000});
}

BOOST_AUTO_TEST_CASE(F8_a_new_journal_without_room_says_so) {
    JournalWorld world;
    world.disk->set_capacity(1'000);
    BOOST_TEST((world.open().error().code == Errc::storage_full));
    world.disk->set_capacity(100'000);
    world.open().value();
    BOOST_TEST(world.recovery.created);
}

BOOST_AUTO_TEST_CASE(F10_a_segment_whose_directory_entry_was_not_flushed_is_flushed_before_use) {
    JournalWorld world;
    world.open().value();
    world.commit({30'000});
    world.make_spare();
    // The roll's only directory flush fails; the process dies of it, the machine does not.
    world.disk->set_on_call([&](std::string_view call, std::string_view) {
        if (call == "rename") {
            world.disk->fail_call(1, Errc::disk_io);
        }
    });
    BOOST_TEST((world.append({40'000}).error().code == Errc::storage_failed));
    world.disk->set_on_call(nullptr);
    BOOST_TEST(world.disk->heal());
    BOOST_TEST(!world.file(2).empty());
    world.kill();
    world.open().value();
    world.history = world.recovered;
    world.failed = false;
    world.commit({50'000});
    BOOST_TEST((world.journal->describe().open_segment == SegmentNumber{2}));
    world.crash(lose);
    world.reopen();
    BOOST_TEST(world.history.size() == 2U);
}

BOOST_AUTO_TEST_CASE(F14_a_second_opener_is_told_who_has_the_journal) {
    JournalWorld world;
    world.open().value();
    auto const opened = FileJournal::open(
        *world.disk, world.random, world.options, [](auto const&) { return Visit::next; });
    BOOST_TEST((opened.error().code == Errc::journal_locked));
    BOOST_TEST(opened.error().detail.find("in use by process") != std::string::npos);
    world.commit({100});
}

BOOST_AUTO_TEST_CASE(F15_a_newer_format_is_refused_and_nothing_is_touched) {
    struct Row {
        char const* name;
        std::size_t at;
    };
    for (auto const& row :
         {Row{"segment header", 0}, Row{"first frame", kBlock}, Row{"last frame", 3 * kBlock}}) {
        BOOST_TEST_CONTEXT(row.name) {
            auto world = three_frames();
            world.crash(lose);
            make_newer(world, 1, row.at);
            check_refused(world, Errc::format_unknown, "segment 1");
        }
    }
    // Behind a frame that is not whole it still is a newer build's.
    auto world = three_frames();
    world.crash(lose);
    make_newer(world, 1, 3 * kBlock);
    world.disk->flip_bit(world.name(1), (2 * kBlock + 200) * 8);
    check_refused(world, Errc::format_unknown, "offset 12288");
}

BOOST_AUTO_TEST_CASE(F15_a_newer_build_s_leftovers_in_a_recycled_file_are_just_leftovers) {
    auto world = three_frames();
    make_newer(world, 1, 3 * kBlock);
    auto const leftover = world.file(1);
    JournalWorld other;
    other.random = SimRandom(2);
    other.open().value();
    other.commit({100});
    other.crash(lose);
    overwrite(other, 1, 2 * kBlock, ByteView(leftover).subspan(3 * kBlock, kBlock));
    other.reopen();
    BOOST_TEST(other.history.size() == 1U);
}

BOOST_AUTO_TEST_CASE(F16_what_a_crash_left_of_the_spare_is_cleared_away) {
    JournalWorld world;
    world.open().value();
    world.commit({100});
    world.options.segment_bytes = 1'048'576;  // the one at hand has another size
    world.kill();
    world.disk->put("spare.part", Bytes(5'000));
    world.disk->put("spare", Bytes(70'000));
    world.disk->put("segment-1", as_bytes("no segment's name"));
    world.reopen();
    BOOST_TEST(world.disk->contents("spare.part").empty());
    BOOST_TEST(world.disk->contents("spare").empty());
    BOOST_TEST(!world.disk->contents("segment-1").empty());
    world.make_spare();
    world.kill();
    world.reopen();
    BOOST_TEST((world.journal->spare() == SpareState::ready));
}

BOOST_AUTO_TEST_CASE(F20_without_descriptors_the_batch_waits_and_nothing_breaks) {
    JournalWorld world;
    world.open().value();
    while (world.journal->describe().end.value + 2 * kBlock <= kSegmentBytesMin) {
        world.commit({100});
    }
    auto const size = world.history.size();
    world.disk->fail_from(0, Errc::overloaded);
    BOOST_TEST((world.append({100}).error().code == Errc::overloaded));
    world.disk->heal();
    BOOST_TEST(world.history.size() == size);
    world.commit({100});
    BOOST_TEST(world.closed.size() == 1U);
}

BOOST_AUTO_TEST_CASE(another_partition_s_or_lineage_s_journal_is_foreign) {
    auto world = three_frames();
    world.kill();
    world.options.lineage = Lineage{8};
    check_refused(world, Errc::journal_foreign, "lineage 7; expected partition 0, lineage 8");
    world.options.lineage.reset();
    world.options.partition = 3;
    check_refused(world, Errc::journal_foreign, "expected partition 3");
}

BOOST_AUTO_TEST_CASE(a_visitor_s_error_ends_the_opening) {
    auto world = three_frames();
    world.kill();
    auto const opened =
        FileJournal::open(*world.disk,
                          world.random,
                          world.options,
                          [](StoredSubmission const& stored) -> Result<Visit> {
                              if (stored.position == Position{3}) {
                                  return Error{Errc::format_unknown, "fold version 9"};
                              }
                              return Visit::next;
                          });
    BOOST_TEST((opened.error().code == Errc::format_unknown));
    BOOST_TEST(opened.error().detail == "fold version 9");
    world.reopen();
}

BOOST_AUTO_TEST_CASE(a_torn_footer_is_missing_and_written_again) {
    for (std::uint64_t const kept : {0U, 0b01U, 0b10U}) {
        BOOST_TEST_CONTEXT("kept " << kept) {
            JournalWorld world;
            world.open().value();
            auto const closed = world.fill_segment(20'000);
            world.commit({100});
            auto const footer = record_of(3, 6'000);
            auto const calls = world.disk->calls();
            std::unique_ptr<SimStorage> before_flush;
            world.disk->set_on_call([&](std::string_view call, std::string_view name) {
                if (call == "datasync" && name == world.name(1)) {
                    before_flush = world.disk->fork();
                }
            });
            world.journal->seal(closed.number, footer).value();
            BOOST_TEST(world.disk->calls() > calls);
            BOOST_TEST_REQUIRE(before_flush != nullptr);
            auto const place = world.journal->locate(closed.last.next()).value();

            JournalWorld crashed(std::move(before_flush));
            crashed.history = world.history;
            crashed.flushed = world.flushed;
            crashed.disk->crash([&](PendingOp const& op) {
                return op.kind == PendingOp::Kind::write
                           ? Fate::torn(kept << (op.offset / kBlock), kBlock)
                           : Fate::whole();
            });
            // Seen from the start, and from a checkpoint behind it.
            for (auto const& checkpoint :
                 {std::optional<JournalPlace>{}, std::optional<JournalPlace>{place}}) {
                crashed.options.checkpoint = checkpoint;
                crashed.reopen();
                BOOST_TEST((crashed.recovery.unsealed == std::vector{closed}));
            }
            crashed.journal->seal(closed.number, footer).value();
            crashed.crash(lose);
            crashed.reopen();
            BOOST_TEST(crashed.recovery.unsealed.empty());
            BOOST_TEST(crashed.journal->footer(closed.number).value().bytes == 6'000U);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_segment_whose_end_is_damaged_is_not_sealed_over) {
    JournalWorld world;
    world.open().value();
    auto const closed = world.fill_segment();
    auto const last = closed.last.value * kBlock;
    world.disk->flip_bit(world.name(1), (last + 30) * 8);
    auto const sealed = world.journal->seal(closed.number, {});
    BOOST_TEST((sealed.error().code == Errc::journal_corrupt));
    world.commit({100});  // it is no failure of the disk as a whole
}

BOOST_AUTO_TEST_SUITE_END()
