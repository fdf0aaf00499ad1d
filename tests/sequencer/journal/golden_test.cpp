#include "support/golden.hpp"

#include <boost/test/unit_test.hpp>
#include <capstan/schema/submission.hpp>

#include "journal_world.hpp"

using namespace capstan;
using namespace capstan::test;

// The bytes of a whole segment. A change of one of them is a change of the format.
BOOST_AUTO_TEST_CASE(a_tiny_segment_has_its_golden_bytes) {
    JournalWorld world;
    world.options.block_shift = 9;
    world.options.partition = 3;
    world.open().value();
    auto const append = [&](std::vector<Bytes> const& records) {
        std::vector<ByteView> const views(records.begin(), records.end());
        return world.journal->append(views).value();
    };
    append({encode_genesis(world.journal->lineage(), 3)});
    world.journal->flush().value();
    append({encode_create("acme/notes", "ann"), encode_heartbeat()});
    world.journal->mark_idle().value();
    auto const data_end = world.journal->describe().end.value;
    append({record_of(1, 63'000)});  // rolls
    world.journal->flush().value();
    world.journal->seal(SegmentNumber{1}, as_bytes("what the index says")).value();
    auto const file = world.file(1);
    BOOST_TEST(data_end == 4 * 512U);
    BOOST_TEST(file.size() == data_end + 512);
    check_golden("journal/segment", file);

    // The bytes as they stand in the repository are a journal.
    JournalWorld other;
    other.options.partition = 3;
    other.disk->put(other.name(1), file);
    other.disk->put(other.name(2), ByteView(world.file(2)));
    std::vector<Bytes> found;
    auto const opened = FileJournal::open(
        *other.disk, other.random, other.options, [&](auto const& stored) -> Result<Visit> {
            found.emplace_back(stored.bytes.begin(), stored.bytes.end());
            return Visit::next;
        });
    BOOST_TEST_REQUIRE(opened.has_value());
    BOOST_TEST(found.size() == 4U);
    BOOST_TEST((found.front() == encode_genesis(Lineage{7}, 3)));
    BOOST_TEST(opened.value().recovery.unsealed.empty());
}
