// What a crash or rot left of the tape: torn tails are cut, damage is named, checkpoints bound
// both.
#include "recovery_bed.hpp"

using namespace capstan;
using namespace capstan::test;

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

BOOST_AUTO_TEST_SUITE_END()
