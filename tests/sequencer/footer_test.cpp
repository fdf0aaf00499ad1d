#include <capstan/sequencer/footer.hpp>

#include "run_chunk.hpp"
#include "sequencer/index_world.hpp"
#include "support/golden.hpp"

namespace capstan {
namespace {

using test::RunMaker;

struct Stream {
    StreamNumber number;
    std::vector<SegmentLink> links;
    std::vector<RunEntry> runs;
};

Bytes write_footer(SegmentNumber segment, std::vector<Stream> const& streams) {
    FooterWriter footer(segment, Position{1});
    for (auto const& stream : streams) {
        footer.stream(stream.number, stream.links);
        for (auto const& run : stream.runs) {
            footer.run(run);
        }
    }
    return footer.finish();
}

void check_parts(std::vector<FooterPart> const& parts, std::vector<Stream> const& streams) {
    BOOST_TEST_REQUIRE(parts.size() == streams.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
        BOOST_TEST((parts[i].stream == streams[i].number));
        BOOST_TEST((parts[i].links == streams[i].links));
        BOOST_TEST((parts[i].runs == streams[i].runs));
    }
}

/// Two streams in segment 9: one of two devices and with links, one new.
std::vector<Stream> small_streams() {
    RunMaker maker;
    for (int i = 1; i < 9; ++i) {
        maker.next_segment();
    }
    StreamNumber const old{3};
    StreamNumber const young{300};
    maker.make(old, 1, 400);  // in older segments
    Stream first{old, {{SegmentNumber{2}, Seq{1}}, {SegmentNumber{7}, Seq{300}}}, {}};
    Stream second{young, {}, {}};
    first.runs.push_back(maker.make(old, 1, 2));
    second.runs.push_back(maker.make(young, 5, 1));
    first.runs.push_back(maker.make(old, 2, 1));
    first.runs.push_back(maker.make(old, 1, 100));
    return {first, second};
}

/// Streams of many blocks and of a few to a block.
std::vector<Stream> large_streams(std::uint32_t seed) {
    RunMaker maker;
    std::vector<Stream> streams;
    for (std::uint32_t i = 1; i <= 30; ++i) {
        StreamNumber const number{i * i};
        auto const runs = 1 + (seed * i * 2'654'435'761u) % (i % 5 == 0 ? 600u : 20u);
        Stream stream{number, {}, {}};
        if (i % 2 == 0) {  // it has runs in older segments
            maker.make(number, 0, 50);
            stream.links.push_back({SegmentNumber{0x1'0000'0000}, Seq{1 + i}});
        }
        for (std::uint32_t run = 0; run < runs; ++run) {
            auto entry = maker.make(number, static_cast<std::uint8_t>(run % (1 + i % 7)), 1 + i);
            entry.place.segment = SegmentNumber{0x1'0000'0001};
            stream.runs.push_back(entry);
        }
        streams.push_back(std::move(stream));
    }
    return streams;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(footer)

BOOST_AUTO_TEST_CASE(its_bytes_are_golden) {
    auto const streams = small_streams();
    auto const bytes = write_footer(SegmentNumber{9}, streams);
    test::check_golden("sequencer/footer", bytes);
    check_parts(decode_footer(bytes).value(), streams);
}

BOOST_AUTO_TEST_CASE(a_segment_without_accepted_runs_has_an_empty_one) {
    auto const bytes = write_footer(SegmentNumber{9}, {});
    BOOST_TEST(bytes.size() == FooterTable::kHeaderBytes);
    BOOST_TEST(decode_footer(bytes).value().empty());
    auto const table = FooterTable::decode(bytes, bytes.size()).value();
    BOOST_TEST(!table.find(StreamNumber{1}, Seq{1}).has_value());
}

BOOST_AUTO_TEST_CASE(streams_of_many_blocks_come_back_whole) {
    for (std::uint32_t const seed : {1u, 77u, 4'242u}) {
        auto const streams = large_streams(seed);
        auto const bytes = write_footer(SegmentNumber{0x1'0000'0001}, streams);
        check_parts(decode_footer(bytes).value(), streams);
    }
}

BOOST_AUTO_TEST_CASE(each_run_is_found_by_its_block_alone) {
    auto const streams = large_streams(5);
    auto const bytes = write_footer(SegmentNumber{0x1'0000'0001}, streams);
    auto const table = FooterTable::decode(bytes, bytes.size()).value();
    BOOST_TEST(table.blocks() > 10u);
    FooterPart part;
    for (auto const& stream : streams) {
        for (auto const& run : stream.runs) {
            auto const block = table.find(stream.number, run.last()).value();
            auto const at = static_cast<std::size_t>(table.block_at(block));
            BOOST_TEST_REQUIRE(table
                                   .read_part(block,
                                              ByteView(bytes).subspan(at, table.block_bytes(block)),
                                              stream.number,
                                              part)
                                   .value());
            BOOST_TEST((std::ranges::find(part.runs, run) != part.runs.end()));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_run_of_a_busy_stream_takes_less_than_thirty_bytes) {
    RunMaker maker;
    Stream stream{StreamNumber{1}, {}, {}};
    for (int i = 0; i < 6'000; ++i) {
        stream.runs.push_back(maker.make(stream.number, static_cast<std::uint8_t>(i % 3), 2));
    }
    auto const bytes = write_footer(SegmentNumber{1}, {stream});
    BOOST_TEST(bytes.size() < 30 * stream.runs.size());
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_and_every_cut_is_noticed) {
    auto const good = write_footer(SegmentNumber{9}, small_streams());
    for (std::size_t at = 0; at < good.size(); ++at) {
        auto bad = good;
        bad[at] ^= std::byte{1} << (at % 8);
        BOOST_TEST_CONTEXT("byte " << at) {
            BOOST_TEST(decode_footer(bad).has_error());
        }
        BOOST_TEST_CONTEXT("length " << at) {
            BOOST_TEST(decode_footer(ByteView(good).first(at)).has_error());
        }
    }
}

BOOST_AUTO_TEST_CASE(F15_another_version_is_refused_as_unknown) {
    auto bytes = write_footer(SegmentNumber{9}, {});
    bytes[4] = std::byte{2};
    auto const decoded = decode_footer(bytes);
    BOOST_TEST_REQUIRE(decoded.has_error());
    BOOST_TEST((decoded.error().code == Errc::format_unknown));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(stream_links)

RC_BOOST_PROP(links_reach_every_older_segment_in_few_hops, ()) {
    auto const segments = *rc::gen::inRange<std::uint64_t>(1, 600);
    std::vector<std::vector<SegmentLink>> footers;  // what each segment links to
    StreamLinks links;
    for (std::uint64_t i = 1; i <= segments; ++i) {
        footers.emplace_back(links.next_links().begin(), links.next_links().end());
        links.push({SegmentNumber{i * 3}, Seq{i * 10}});
        RC_ASSERT(links == StreamLinks::decode(links.encode()).value());
        RC_ASSERT(links.newest() == (SegmentLink{SegmentNumber{i * 3}, Seq{i * 10}}));
    }
    RC_ASSERT(links.nodes().size() == static_cast<std::size_t>(std::popcount(links.segments())));
    // Always the oldest link that does not pass the wanted segment.
    auto const wanted = *rc::gen::inRange<std::uint64_t>(1, segments + 1) * 3;
    auto const nearest = [&](auto const& nodes) {
        for (auto const& node : nodes) {
            if (node.segment.value >= wanted) {
                return node.segment.value;
            }
        }
        return std::uint64_t{0};
    };
    int hops = 0;
    for (auto at = nearest(links.nodes()); at != wanted; at = nearest(footers[at / 3 - 1])) {
        RC_ASSERT(at > wanted);
        RC_ASSERT(++hops <= 20);
    }
}

BOOST_AUTO_TEST_CASE(links_of_hostile_bytes_are_refused) {
    StreamLinks links;
    for (std::uint64_t i = 1; i <= 7; ++i) {
        links.push({SegmentNumber{i}, Seq{i}});
    }
    auto const good = links.encode();
    for (std::size_t cut = 1; cut < good.size(); ++cut) {
        BOOST_TEST(StreamLinks::decode(ByteView(good).first(cut)).has_error());
    }
    auto longer = good;
    longer.push_back(std::byte{0});
    BOOST_TEST(StreamLinks::decode(longer).has_error());
    auto backwards = good;
    backwards[3] = std::byte{0};  // no distance to the segment before
    BOOST_TEST(StreamLinks::decode(backwards).has_error());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(run_chunk)

BOOST_AUTO_TEST_CASE(runs_come_back_from_chunks_of_bounded_size) {
    RunMaker maker;
    RunChunkWriter writer;
    std::vector<RunEntry> runs;
    std::vector<RunChunk> chunks;
    for (std::uint32_t i = 0; i < 1'000; ++i) {
        if (i % 300 == 299) {
            maker.next_segment();
        }
        runs.push_back(maker.make(StreamNumber{1 + i % 50}, static_cast<std::uint8_t>(i % 9), 5));
        writer.add(runs.back());
        if (i % 400 == 0) {
            std::ranges::move(writer.take(), std::back_inserter(chunks));
        }
    }
    std::ranges::move(writer.take(), std::back_inserter(chunks));
    std::vector<RunEntry> found;
    for (auto const& chunk : chunks) {
        BOOST_TEST(chunk.bytes.size() <= kRunChunkBytes);
        auto const some = decode_run_chunk(chunk).value();
        found.insert(found.end(), some.begin(), some.end());
    }
    BOOST_TEST((found == runs));
}

BOOST_AUTO_TEST_CASE(a_chunk_s_bytes_are_golden_and_a_cut_one_is_damaged) {
    RunMaker maker;
    RunChunkWriter writer;
    writer.add(maker.make(StreamNumber{1}, 1, 2));
    writer.add(maker.make(StreamNumber{200}, 2, 1));
    auto const chunk = writer.take().front();
    test::check_golden("sequencer/run_chunk", chunk.bytes);
    for (std::size_t cut = 1; cut < chunk.bytes.size(); ++cut) {
        auto bad = chunk;
        bad.bytes.resize(cut);
        auto const decoded = decode_run_chunk(bad);
        BOOST_TEST((decoded.has_error() || decoded.value().size() == 1));
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan
