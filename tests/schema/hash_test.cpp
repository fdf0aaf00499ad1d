#include <boost/test/unit_test.hpp>
#include <capstan/schema/hash.hpp>
#include <set>

#include "samples.hpp"

namespace capstan {

BOOST_AUTO_TEST_SUITE(hashes)

BOOST_AUTO_TEST_CASE(xxh3_gives_the_published_values_of_the_empty_input) {
    BOOST_TEST(hash64({}) == 0x2d06800538d394c2u);
    BOOST_TEST((hash128({}) == Hash128{0x6001c324468d497f, 0x99aa06d3014798d8}));
}

BOOST_AUTO_TEST_CASE(a_chain_depends_on_every_part_of_an_event) {
    auto const start = chain_start("acme/room");
    Dot const dot{test::device(1), Counter{5}};
    std::set<Hash128> const chains{
        chain_next(start, dot, Seq{3}, 0, as_bytes("event")),
        chain_next(chain_start("acme/roof"), dot, Seq{3}, 0, as_bytes("event")),
        chain_next(start, {test::device(2), Counter{5}}, Seq{3}, 0, as_bytes("event")),
        chain_next(start, {test::device(1), Counter{6}}, Seq{3}, 0, as_bytes("event")),
        chain_next(start, dot, Seq{4}, 0, as_bytes("event")),
        chain_next(start, dot, Seq{3}, 1, as_bytes("event")),
        chain_next(start, dot, Seq{3}, 0, as_bytes("eventt")),
    };
    BOOST_TEST(chains.size() == 7u);
}

// These values are in journals: if one changes, every chain and generation ever stored does.
BOOST_AUTO_TEST_CASE(chains_and_generations_keep_their_values) {
    auto const chain = chain_next(
        chain_start("acme/room"), {test::device(1), Counter{5}}, Seq{3}, 1, as_bytes("event"));
    Bytes bytes;
    ByteWriter(bytes)
        .put(chain)
        .put(submission_chain_next(chain, as_bytes("submission")))
        .put(generation_of(Lineage{7}, "acme/room", Edition{1}).value)
        .put(generation_of(Lineage{7}, "acme/room", Edition{2}).value)
        .put(generation_of(Lineage{8}, "acme/room", Edition{1}).value);
    test::check_golden("schema/hashes", bytes);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan
