// Disks that fail or are full, files of others, and what they leave behind.
#include "recovery_bed.hpp"

using namespace capstan;
using namespace capstan::test;

BOOST_AUTO_TEST_SUITE(journal_disk_trouble)

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
