#include <boost/test/unit_test.hpp>
#include <capstan/schema/frame.hpp>

#include "samples.hpp"

namespace capstan {
namespace {

FrameHeader sample_frame() {
    return {.kind = FrameKind::data,
            .block_shift = 12,
            .payload_bytes = 1'000,
            .count = 3,
            .segment_secret = 0x5ec7e7,
            .first_position = Position{101},
            .durable_position = Position{100},
            .chain = {3, 4},
            .kafka_offset = -1,
            .payload_hash = 55,
            .offset = Offset{8'192}};
}

SegmentHeader sample_segment() {
    return {.block_shift = 12,
            .secret = 0x5ec7e7,
            .number = 2,
            .first_position = Position{101},
            .chain = {1, 2},
            .lineage = Lineage{9},
            .size_bytes = kSegmentBytesDefault,
            .partition = 1};
}

Bytes bytes_of(auto const& header) {
    auto const encoded = encode(header);
    return Bytes(encoded.begin(), encoded.end());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(frames)

BOOST_AUTO_TEST_CASE(headers_keep_their_bytes_and_read_back) {
    test::check_golden("schema/frame_header", bytes_of(sample_frame()));
    test::check_golden("schema/segment_header", bytes_of(sample_segment()));
    BOOST_TEST((decode_frame_header(bytes_of(sample_frame())).value() == sample_frame()));
    BOOST_TEST((decode_segment_header(bytes_of(sample_segment())).value() == sample_segment()));
    BOOST_TEST(sample_frame().last_position().value == 103u);
}

BOOST_AUTO_TEST_CASE(every_cut_and_every_flipped_bit_of_a_header_is_noticed) {
    test::refuses_every_damage(bytes_of(sample_frame()),
                               [](ByteView b) { return decode_frame_header(b).has_value(); });
    test::refuses_every_damage(bytes_of(sample_segment()),
                               [](ByteView b) { return decode_segment_header(b).has_value(); });
}

BOOST_AUTO_TEST_CASE(a_header_that_contradicts_itself_is_refused) {
    auto const refused = [](auto change) {
        auto header = sample_frame();
        change(header);
        return !decode_frame_header(bytes_of(header));
    };
    BOOST_TEST(refused([](auto& h) { h.count = 0; }));
    BOOST_TEST(refused([](auto& h) { h.kind = FrameKind::marker; }));
    BOOST_TEST(refused([](auto& h) { h.durable_position = h.first_position; }));
    BOOST_TEST(refused([](auto& h) { h.payload_bytes = kFrameBytesMax + 1; }));
    BOOST_TEST(refused([](auto& h) { h.block_shift = 3; }));
}

BOOST_AUTO_TEST_CASE(F15_a_frame_of_a_later_kind_is_told_from_a_damaged_one) {
    auto header = sample_frame();
    header.kind = static_cast<FrameKind>(9);
    BOOST_TEST((decode_frame_header(bytes_of(header)).error().code == Errc::format_unknown));
}

BOOST_AUTO_TEST_CASE(a_frame_takes_whole_blocks) {
    BOOST_TEST(frame_extent(0, 12) == 4'096u);
    BOOST_TEST(frame_extent(4'000, 12) == 4'096u);
    BOOST_TEST(frame_extent(4'001, 12) == 8'192u);
    BOOST_TEST(frame_extent(1, 9) == 512u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan
