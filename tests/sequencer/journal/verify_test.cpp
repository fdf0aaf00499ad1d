#include <boost/test/unit_test.hpp>
#include <capstan/schema/frame.hpp>
#include <capstan/schema/hash.hpp>

#include "journal_world.hpp"

using namespace capstan;
using namespace capstan::test;

namespace {

constexpr std::size_t kBlock = 4'096;

/// Segment 1 sealed, segment 2 closed and not, segment 3 open with three frames of one submission
/// and a marker. All frames of segments 1 and 2 hold one submission in one block.
JournalWorld three_segments() {
    JournalWorld world;
    world.open().value();
    world.fill_segment(3'000);
    world.fill_segment(3'000);
    world.journal->seal(SegmentNumber{1}, record_of(1, 100)).value();
    world.commit({3'000});
    world.commit({3'000});
    world.mark_idle().value();
    return world;
}

std::vector<std::string> problems_of(JournalWorld& world) {
    auto const before = world.image();
    std::vector<std::string> texts;
    auto const report = verify_journal(*world.disk).value();
    for (auto const& problem : report.problems) {
        texts.push_back(to_string(problem));
    }
    BOOST_TEST((world.image() == before));
    return texts;
}

/// Writes a frame's header anew with a change, its checksum right.
void rewrite_header(JournalWorld& world,
                    std::uint64_t segment,
                    std::size_t at,
                    std::function<void(FrameHeader&)> const& change) {
    auto bytes = world.file(segment);
    auto header = decode_frame_header(ByteView(bytes).subspan(at)).value();
    change(header);
    auto const encoded = encode(header);
    std::ranges::copy(encoded, bytes.begin() + static_cast<std::ptrdiff_t>(at));
    world.disk->put(world.name(segment), bytes);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(journal_verify)

BOOST_AUTO_TEST_CASE(submissions_are_shown_in_order_up_to_the_first_damage) {
    auto world = three_segments();
    auto const shown = [&world](Position stop_at) {
        std::vector<StoredSubmission> all;
        auto const visit = [&](StoredSubmission const& one) -> Result<Visit> {
            BOOST_TEST((one.position == Position{all.size() + 1}));
            BOOST_TEST(std::ranges::equal(one.bytes, world.history[all.size()]));
            all.push_back(one);
            return one.position == stop_at ? Visit::stop : Visit::next;
        };
        BOOST_TEST(verify_journal(*world.disk, visit).has_value());
        return all;
    };
    auto const all = shown(Position{});
    BOOST_TEST(all.size() == world.history.size());
    BOOST_TEST((all.back().chain == verify_journal(*world.disk).value().chain));
    BOOST_TEST((all[4].after() == world.journal->locate(Position{5}).value()));
    BOOST_TEST(shown(Position{3}).size() == 3U);

    auto damaged = world.file(1);
    damaged[all[6].offset.value] ^= std::byte{1};
    world.disk->put(world.name(1), damaged);
    BOOST_TEST(shown(Position{}).size() == 6U);
}

BOOST_AUTO_TEST_CASE(a_sound_journal_is_counted) {
    auto world = three_segments();
    auto const report = verify_journal(*world.disk).value();
    BOOST_TEST(report.is_sound());
    BOOST_TEST(report.segments == 3U);
    BOOST_TEST(report.submissions == world.history.size());
    BOOST_TEST(report.frames == world.history.size() + 2);  // a footer, a marker
    BOOST_TEST(report.bytes == report.frames * kBlock);
    BOOST_TEST((report.first == Position{1}));
    BOOST_TEST((report.last == Position{world.history.size()}));
    BOOST_TEST((report.chain == world.journal->locate(world.flushed).value().chain));
    BOOST_TEST((report.lineage == Lineage{7}));
    BOOST_TEST(report.locked_by.has_value());
    BOOST_TEST(
        problems_of(world) ==
        std::vector<std::string>{"footer_missing: segment 2, offset 61440: closed and not sealed"});
    world.kill();
    BOOST_TEST(!verify_journal(*world.disk).value().locked_by.has_value());
}

BOOST_AUTO_TEST_CASE(F5_each_kind_of_damage_is_named_and_reading_goes_on_behind_it) {
    struct Row {
        char const* name;
        std::function<void(JournalWorld&)> damage;
        std::vector<std::string> found;
    };
    auto const flip = [](std::uint64_t segment, std::size_t byte) {
        return [=](JournalWorld& world) { world.disk->flip_bit(world.name(segment), byte * 8); };
    };
    std::string const unsealed = "footer_missing: segment 2, offset 61440: closed and not sealed";
    std::string const differs = ": the payload of a frame differs from its hash";
    std::string const absent = ": no whole frame here";
    std::vector<Row> const rows{
        {"payload",
         flip(1, 2 * kBlock + 200),
         {"frame_damaged: segment 1, offset 8192, positions 2..2" + differs, unsealed}},
        {"header",
         flip(1, 2 * kBlock + 20),
         {"frame_damaged: segment 1, offset 8192, positions 2..2" + absent, unsealed}},
        {"two places",
         [&](JournalWorld& world) {
             flip(1, 2 * kBlock)(world);
             flip(1, 3 * kBlock)(world);
             flip(2, 5 * kBlock + 100)(world);
         },
         {"frame_damaged: segment 1, offset 8192, positions 2..3" + absent,
          "frame_damaged: segment 2, offset 20480, positions 19..19" + differs,
          unsealed}},
        {"the end of a closed segment",
         flip(2, 14 * kBlock + 100),
         {"frame_damaged: segment 2, offset 57344, positions 28..28" + differs,
          "footer_missing: segment 2, offset 57344: closed and not sealed"}},
        {"segment header",
         flip(1, 30),
         {"header_damaged: segment 1, offset 0, positions 1..14: segment 1: segment header "
          "checksum",
          unsealed}},
        {"footer",
         flip(1, 15 * kBlock + 120),
         {"footer_missing: segment 1, offset 61440: closed and not sealed", unsealed}},
        {"the last frame before the marker",
         flip(3, 3 * kBlock + 100),
         {unsealed, "frame_damaged: segment 3, offset 12288, positions 31..31" + differs}},
        {"a missing segment",
         [](JournalWorld& world) { world.disk->remove(world.name(2)).value(); },
         {"segment_missing: segment 2, offset 0, positions 15..28: no such file"}},
        {"another partition",
         [](JournalWorld& world) {
             auto bytes = world.file(2);
             auto header = decode_segment_header(bytes).value();
             header.partition = 5;
             std::ranges::copy(encode(header), bytes.begin());
             world.disk->put(world.name(2), bytes);
         },
         {"foreign: segment 2, offset 0, positions 15..28: another partition or lineage"}},
        {"a chain",
         [](JournalWorld& world) {
             rewrite_header(world, 1, 2 * kBlock, [](FrameHeader& h) { ++h.chain.low; });
         },
         {"chain_broken: segment 1, offset 8192, positions 2..2: differs behind this frame",
          "chain_broken: segment 1, offset 12288, positions 3..3: differs behind this frame",
          unsealed}},
        {"a position",
         [](JournalWorld& world) {
             rewrite_header(
                 world, 3, 2 * kBlock, [](FrameHeader& h) { h.first_position = Position{40}; });
         },
         {unsealed,
          "positions_broken: segment 3, offset 8192, positions 30..40: a frame starts at position "
          "40",
          "positions_broken: segment 3, offset 12288, positions 31..41: a frame starts at position "
          "31"}},
        {"a count",
         [](JournalWorld& world) {
             rewrite_header(world, 3, 3 * kBlock, [](FrameHeader& h) { h.count = 2; });
         },
         {unsealed,
          "submission_damaged: segment 3, offset 12288, positions 31..32: submission: no record "
          "starts here",
          "positions_broken: segment 3, offset 16384, positions 32..33: a frame starts at position "
          "32"}},
    };
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            auto world = three_segments();
            world.crash(lose);
            row.damage(world);
            auto const found = problems_of(world);
            BOOST_TEST(found == row.found, boost::test_tools::per_element());
        }
    }
}

BOOST_AUTO_TEST_CASE(F3_a_torn_tail_is_no_damage) {
    JournalWorld world;
    world.open().value();
    world.commit({100});
    world.append({6'000}).value();
    world.append({100}).value();
    world.crash([](PendingOp const& op) {
        return op.offset == 2 * kBlock ? Fate::torn(0b0100, kBlock) : Fate::whole();
    });
    auto const report = verify_journal(*world.disk).value();
    BOOST_TEST(report.is_sound());
    BOOST_TEST((report.last == Position{1}));
    BOOST_TEST(problems_of(world) ==
               std::vector<std::string>{"torn_tail: segment 1, offset 8192, positions 2..2: the "
                                        "payload of a frame differs from its hash"});
}

BOOST_AUTO_TEST_CASE(F15_a_newer_format_is_named) {
    auto world = three_segments();
    world.crash(lose);
    auto bytes = world.file(3);
    auto* header = bytes.data() + kBlock;
    header[4] = std::byte{2};
    store(header + 8, std::uint64_t{0});
    store(header + 8, hash64({header, kFrameHeaderBytes}));
    world.disk->put(world.name(3), bytes);
    BOOST_TEST(problems_of(world).back() ==
               "format_unknown: segment 3, offset 4096, positions 29..29: a frame of a newer "
               "format");
}

BOOST_AUTO_TEST_CASE(an_empty_directory_holds_no_journal) {
    SimStorage empty;
    BOOST_TEST((verify_journal(empty).error().code == Errc::not_found));
}

BOOST_AUTO_TEST_CASE(every_fault_has_a_name) {
    std::set<std::string_view> names;
    for (auto fault = JournalFault::segment_missing; fault <= JournalFault::format_unknown;
         fault = static_cast<JournalFault>(static_cast<int>(fault) + 1)) {
        names.insert(to_string(fault));
    }
    BOOST_TEST(names.size() == 10U);
}

BOOST_AUTO_TEST_SUITE_END()
