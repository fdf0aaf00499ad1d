#include <boost/test/unit_test.hpp>

#include "journal_world.hpp"

using namespace capstan;
using namespace capstan::test;

namespace {

SubmissionVisitor into(std::vector<Position>& positions, std::size_t stop_after = ~std::size_t{0}) {
    return [&positions, stop_after](StoredSubmission const& stored) -> Result<Visit> {
        positions.push_back(stored.position);
        return positions.size() < stop_after ? Visit::next : Visit::stop;
    };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(journal_reading)

BOOST_AUTO_TEST_CASE(reading_goes_on_where_it_stopped_at_every_place) {
    JournalWorld world;
    world.open().value();
    while (world.closed.size() < 2) {
        world.commit({700, 700, 700, 700, 700});
        world.mark_idle().value();
    }
    for (std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{7}}) {
        auto place = world.journal->locate(Position{0}).value();
        std::uint64_t next = 1;
        while (place.position < world.flushed) {
            std::vector<Position> seen;
            place = world.journal->read(place, into(seen, step)).value();
            BOOST_TEST_REQUIRE(!seen.empty());
            for (auto const position : seen) {
                BOOST_TEST(position.value == next++);
            }
            BOOST_TEST((place.position == seen.back()));
        }
        BOOST_TEST(next == world.history.size() + 1);
        std::vector<Position> none;
        BOOST_TEST((world.journal->read(place, into(none)).value() == place));
        BOOST_TEST(none.empty());
    }
}

BOOST_AUTO_TEST_CASE(every_position_is_located_with_its_chain) {
    JournalWorld world;
    world.open().value();
    std::map<Position, Hash128> chains;
    while (world.closed.size() < 3) {
        world.commit({900, 900, 900});
    }
    auto const note = [&](StoredSubmission const& stored) -> Result<Visit> {
        chains[stored.position] = stored.chain;
        Bytes bytes(stored.bytes.size());
        world.journal->pread(stored.segment, stored.offset, bytes).value();
        BOOST_TEST((bytes == world.witnessed(stored.position)));
        return Visit::next;
    };
    world.journal->read(world.journal->locate(Position{0}).value(), note).value();
    for (auto const& [position, chain] : chains) {
        auto const place = world.journal->locate(position).value();
        BOOST_TEST((place.position == position));
        BOOST_TEST((place.chain == chain));
    }
    BOOST_TEST(
        (world.journal->locate(world.flushed.next()).error().code == Errc::position_invalid));
}

BOOST_AUTO_TEST_CASE(what_is_not_flushed_is_not_read) {
    JournalWorld world;
    world.open().value();
    world.commit({100});
    world.append({100}).value();
    BOOST_TEST(world.read_all().size() == 1U);
    BOOST_TEST((world.journal->locate(Position{2}).error().code == Errc::position_invalid));
}

BOOST_AUTO_TEST_CASE(a_visitor_s_error_is_the_result) {
    JournalWorld world;
    world.open().value();
    world.commit({100, 100});
    auto const refuse = [](StoredSubmission const&) -> Result<Visit> {
        return Error{Errc::malformed, "mine"};
    };
    auto const outcome = world.journal->read(world.journal->locate(Position{0}).value(), refuse);
    BOOST_TEST(outcome.error().detail == "mine");
}

BOOST_AUTO_TEST_CASE(F20_read_descriptors_are_bounded_and_given_back_when_there_are_none_left) {
    JournalWorld world;
    world.options.descriptors_max = 2;
    world.open().value();
    for (int i = 0; i < 5; ++i) {
        world.fill_segment();
    }
    std::size_t opens = 0;
    world.disk->set_on_call(
        [&](std::string_view call, std::string_view) { opens += call == "open" ? 1 : 0; });
    Bytes bytes(16);
    auto const read = [&](std::uint64_t segment) {
        return world.journal->pread(SegmentNumber{segment}, Offset{0}, bytes).has_value();
    };
    BOOST_TEST((read(1) && read(2) && read(1) && read(2)));
    BOOST_TEST(opens == 2U);
    BOOST_TEST((read(3) && read(2)));
    BOOST_TEST(opens == 3U);
    BOOST_TEST(read(1));
    BOOST_TEST(opens == 4U);
    world.disk->fail_call(0, Errc::overloaded);
    BOOST_TEST(read(4));
    BOOST_TEST(world.disk->heal());
    BOOST_TEST(opens == 6U);
    world.disk->fail_from(0, Errc::overloaded);
    BOOST_TEST((world.journal->pread(SegmentNumber{5}, Offset{0}, bytes).error().code ==
                Errc::overloaded));
}

BOOST_AUTO_TEST_CASE(F5_a_flipped_bit_in_a_sealed_segment_is_found_by_reading_it) {
    JournalWorld world;
    world.open().value();
    auto const closed = world.fill_segment();
    world.journal->seal(closed.number, record_of(1, 100)).value();
    auto const start = world.journal->locate(Position{0}).value();
    world.disk->flip_bit(world.name(1), (3 * 4'096 + 1'000) * 8);
    std::vector<Position> seen;
    auto const damage = world.journal->read(start, into(seen)).error();
    BOOST_TEST((damage.code == Errc::journal_corrupt));
    BOOST_TEST(damage.detail ==
               "segment 1, offset 12288, positions 3..3: the payload of a frame differs from its "
               "hash");
    BOOST_TEST(seen.size() == 2U);
    Bytes beyond(1 << 20);
    auto const cut = world.journal->pread(closed.number, Offset{60'000}, beyond).error();
    BOOST_TEST((cut.code == Errc::journal_corrupt));
}

BOOST_AUTO_TEST_SUITE_END()
