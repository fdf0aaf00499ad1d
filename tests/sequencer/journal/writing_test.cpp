#include <boost/test/unit_test.hpp>

#include "journal_world.hpp"

using namespace capstan;
using namespace capstan::test;

BOOST_AUTO_TEST_SUITE(journal_writing)

BOOST_AUTO_TEST_CASE(what_is_appended_is_read_back_once_it_is_flushed) {
    JournalWorld world;
    world.open().value();
    BOOST_TEST(world.recovery.created);
    BOOST_TEST(world.read_all().empty());
    auto const appended = world.append({100, 32, 5'000}).value();
    BOOST_TEST((appended.first == Position{1}));
    BOOST_TEST((appended.last == Position{3}));
    BOOST_TEST(world.read_all().empty());
    world.flush().value();
    BOOST_TEST((world.read_all() == world.history));
    world.kill();
    world.reopen();
    BOOST_TEST((world.recovered == world.history));
    BOOST_TEST(world.recovery.submissions == 3U);
    BOOST_TEST(!world.recovery.created);
}

BOOST_AUTO_TEST_CASE(an_append_tells_where_each_submission_stands) {
    JournalWorld world;
    world.open().value();
    world.commit({200});
    auto const appended = world.commit({300, 400});
    BOOST_TEST_REQUIRE(appended.frames.size() == 1U);
    auto const& frame = appended.frames.front();
    BOOST_TEST(frame.offset.value == 8'192U);
    BOOST_TEST(frame.bytes == 4'096U);
    Bytes second(400);
    world.journal->pread(frame.segment, Offset{frame.payload().value + 300}, second).value();
    BOOST_TEST((second == world.witnessed(Position{3})));
}

BOOST_AUTO_TEST_CASE(a_batch_larger_than_a_frame_becomes_frames_of_one_segment) {
    JournalWorld world;
    world.open().value();
    world.commit({100});
    auto const appended = world.append(std::vector<std::size_t>(20, 1'000'000)).value();
    BOOST_TEST(appended.frames.size() == 3U);
    BOOST_TEST((appended.frames.front().first == Position{2}));
    BOOST_TEST((appended.frames.back().last == Position{21}));
    for (auto const& frame : appended.frames) {
        BOOST_TEST((frame.segment == SegmentNumber{2}));
    }
    BOOST_TEST((appended.closed == ClosedSegment{SegmentNumber{1}, Position{1}, Position{1}}));
    world.flush().value();
    world.crash(lose);
    world.reopen();
    BOOST_TEST(world.history.size() == 21U);
    BOOST_TEST((world.read_all() == world.history));
}

BOOST_AUTO_TEST_CASE(a_full_segment_is_closed_and_the_next_goes_on) {
    JournalWorld world;
    world.open().value();
    auto const first = world.fill_segment();
    auto const second = world.fill_segment();
    BOOST_TEST((first.number == SegmentNumber{1}));
    BOOST_TEST((second.number == SegmentNumber{2}));
    BOOST_TEST((second.first == first.last.next()));
    BOOST_TEST((world.journal->closed_segment(SegmentNumber{1}).value() == first));
    BOOST_TEST((world.journal->closed_segment(SegmentNumber{3}).error().code == Errc::not_found));
    BOOST_TEST((world.read_all() == world.history));
    world.crash(lose);
    world.reopen();
    BOOST_TEST((world.recovery.unsealed == std::vector{first, second}));
}

BOOST_AUTO_TEST_CASE(a_sealed_segment_keeps_its_footer_and_gives_back_space) {
    JournalWorld world;
    world.open().value();
    auto const closed = world.fill_segment(20'000);
    auto const footer = record_of(5, 300);
    BOOST_TEST((world.journal->footer(closed.number).error().code == Errc::not_found));
    auto const before = world.file(1).size();
    world.journal->seal(closed.number, footer).value();
    BOOST_TEST(world.file(1).size() < before);
    auto const extent = world.journal->footer(closed.number).value();
    BOOST_TEST(extent.bytes == 300U);
    Bytes read(300);
    world.journal->pread(closed.number, extent.offset, read).value();
    BOOST_TEST((read == footer));
    world.journal->seal(closed.number, record_of(6, 300)).value();  // stays as it is
    BOOST_TEST((world.journal->footer(closed.number).value() == extent));
    world.crash(lose);
    world.reopen();
    BOOST_TEST(world.recovery.unsealed.empty());
    BOOST_TEST((world.journal->footer(closed.number).value() == extent));
    BOOST_TEST((world.read_all() == world.history));
}

BOOST_AUTO_TEST_CASE(a_footer_may_be_larger_than_what_is_left_of_its_segment) {
    JournalWorld world;
    world.open().value();
    auto const closed = world.fill_segment();
    Bytes const footer(200'000, std::byte{7});
    world.journal->seal(closed.number, footer).value();
    world.kill();
    world.reopen();
    BOOST_TEST(world.recovery.unsealed.empty());
    BOOST_TEST(world.journal->footer(closed.number).value().bytes == 200'000U);
    BOOST_TEST((world.read_all() == world.history));
}

BOOST_AUTO_TEST_CASE(only_closed_segments_are_sealed) {
    JournalWorld world;
    world.open().value();
    world.commit({100});
    auto const refused = world.journal->seal(SegmentNumber{1}, {});
    BOOST_TEST((refused.error().code == Errc::not_found));
    world.commit({100});
}

BOOST_AUTO_TEST_CASE(the_spare_grows_in_bounded_steps_and_is_ready_in_time) {
    JournalWorld world;
    world.options.segment_bytes = 4 * 1'048'576;
    world.open().value();
    BOOST_TEST((world.journal->spare() == SpareState::wanted));
    world.journal->prepare_spare().value();
    BOOST_TEST((world.journal->spare() == SpareState::wanted));
    BOOST_TEST(world.disk->contents("spare.part").size() == 4 * 1'048'576U);
    bool closed = false;
    while (!closed) {
        closed = world.commit(std::vector<std::size_t>(3, 100'000)).closed.has_value();
        if (!closed && world.journal->spare() == SpareState::urgent) {
            world.journal->prepare_spare().value();
        }
        bool const nearly_full =
            world.journal->describe().end.value > world.options.segment_bytes * 9 / 10;
        if (!closed && nearly_full) {
            BOOST_TEST((world.journal->spare() == SpareState::ready));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_roll_into_a_ready_spare_opens_no_file) {
    JournalWorld world;
    world.open().value();
    world.make_spare();
    std::vector<std::string> opened;
    world.disk->set_on_call([&](std::string_view call, std::string_view name) {
        if (call == "open") {
            opened.emplace_back(name);
        }
    });
    world.fill_segment();
    BOOST_TEST(opened.empty());
}

BOOST_AUTO_TEST_CASE(trim_drops_whole_segments_and_recycles_one) {
    JournalWorld world;
    world.open().value();
    std::vector<ClosedSegment> closed;
    for (int i = 0; i < 4; ++i) {
        closed.push_back(world.fill_segment());
    }
    world.journal->seal(closed[0].number, record_of(1, 100)).value();
    world.journal->trim(closed[0].last).value();  // still holds what is kept
    BOOST_TEST((world.journal->describe().first == Position{1}));
    world.journal->trim(closed[2].first.next()).value();
    BOOST_TEST((world.journal->describe().first == closed[2].first));
    BOOST_TEST((world.journal->describe().first_segment == SegmentNumber{3}));
    BOOST_TEST((world.journal->locate(closed[1].first).error().code == Errc::trimmed));
    Bytes into(8);
    BOOST_TEST(
        (world.journal->pread(SegmentNumber{1}, Offset{0}, into).error().code == Errc::trimmed));
    BOOST_TEST(!world.disk->contents("spare.part").empty());
    world.make_spare();
    auto const rolled = world.fill_segment();  // into the recycled file
    BOOST_TEST((rolled.number == SegmentNumber{5}));
    auto const kept = std::vector<Bytes>(
        world.history.begin() + static_cast<std::ptrdiff_t>(closed[2].first.value - 1),
        world.history.end());
    BOOST_TEST((world.read_all() == kept));
    auto const place = world.journal->locate(closed[3].last).value();
    world.options.checkpoint = place;
    world.crash(lose);
    world.reopen();
    BOOST_TEST((world.read_all() == kept));
}

BOOST_AUTO_TEST_CASE(leftovers_in_a_recycled_file_are_no_part_of_the_segment) {
    JournalWorld world;
    world.open().value();
    auto const first = world.fill_segment();
    world.journal->trim(first.last.next()).value();
    world.make_spare();
    auto const before = world.history.size();
    while (!world.commit({4'000}).closed) {
    }
    // One frame in a file that is full of frames of its earlier life.
    auto const open_file = world.file(3);
    std::size_t headers = 0;
    for (std::size_t at = 0; at + 4 <= open_file.size(); at += 4'096) {
        headers += load<std::uint32_t>(open_file.data() + at) == 0x4d524643 ? 1 : 0;
    }
    BOOST_TEST(headers > 5U);
    BOOST_TEST(world.history.size() > before);
    world.options.checkpoint = world.journal->locate(first.last).value();
    world.kill();
    world.reopen();
    BOOST_TEST(world.recovery.bytes_cut == 0U);
    world.commit({100});
    world.crash(lose);
    world.reopen();
}

BOOST_AUTO_TEST_CASE(an_idle_writer_leaves_one_marker) {
    JournalWorld world;
    world.open().value();
    world.mark_idle().value();
    BOOST_TEST(world.journal->describe().end.value == 4'096U);
    world.append({100}).value();
    world.mark_idle().value();
    BOOST_TEST((world.journal->durable() == Position{1}));
    BOOST_TEST(world.journal->describe().end.value == 3 * 4'096U);
    world.mark_idle().value();
    BOOST_TEST(world.journal->describe().end.value == 3 * 4'096U);
    world.kill();
    world.reopen();
    world.mark_idle().value();
    BOOST_TEST(world.journal->describe().end.value == 3 * 4'096U);
    world.commit({100});
    BOOST_TEST((world.read_all() == world.history));
}

BOOST_AUTO_TEST_CASE(there_is_always_room_for_a_marker) {
    JournalWorld world;
    world.open().value();
    // 64 KiB: header block, 14 frames, and the last block.
    for (int i = 0; i < 14; ++i) {
        BOOST_TEST(!world.commit({3'000}).closed);
    }
    world.mark_idle().value();
    BOOST_TEST(world.journal->describe().end.value == kSegmentBytesMin);
    BOOST_TEST(world.commit({3'000}).closed.has_value());
    world.kill();
    world.reopen();
}

BOOST_AUTO_TEST_CASE(block_sizes_may_change_between_runs) {
    JournalWorld world;
    for (int const shift : {9, 12, 16, 9}) {
        world.options.block_shift = static_cast<std::uint8_t>(shift);
        world.reopen();
        world.fill_segment();
        world.commit({700, 32});
        world.mark_idle().value();
        world.crash(lose);
    }
    world.reopen();
    BOOST_TEST((world.read_all() == world.history));
}

BOOST_AUTO_TEST_CASE(a_new_journal_draws_its_lineage_and_keeps_it) {
    JournalWorld world;
    world.options.lineage.reset();
    world.open().value();
    auto const lineage = world.journal->lineage();
    BOOST_TEST(lineage.value != 0U);
    world.fill_segment();
    world.kill();
    world.reopen();
    BOOST_TEST((world.journal->lineage() == lineage));
    BOOST_TEST((world.journal->describe().lineage == lineage));
    BOOST_TEST(world.journal->describe().failed.empty());
}

BOOST_AUTO_TEST_SUITE_END()
