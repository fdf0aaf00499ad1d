#include <capstan/schema/frame.hpp>
#include <capstan/schema/hash.hpp>

namespace capstan {
namespace {

constexpr std::uint32_t kFrameMagic = 0x4d524643;    // "CFRM"
constexpr std::uint32_t kSegmentMagic = 0x47455343;  // "CSEG"
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kChecksumAt = 8;
constexpr std::uint8_t kBlockShiftMin = 9;
constexpr std::uint8_t kBlockShiftMax = 16;

using Header = std::array<std::byte, kFrameHeaderBytes>;
static_assert(kFrameHeaderBytes == kSegmentHeaderBytes);

std::uint64_t checksum_of(Header header) {
    store(header.data() + kChecksumAt, std::uint64_t{0});
    return hash64(header);
}

Header finish(Bytes const& fields) {
    CAPSTAN_INVARIANT(fields.size() == kFrameHeaderBytes);
    Header header;
    std::memcpy(header.data(), fields.data(), fields.size());
    store(header.data() + kChecksumAt, checksum_of(header));
    return header;
}

/// Checks magic, checksum and version; returns a reader behind the magic.
Result<ByteReader> open(ByteView bytes, std::uint32_t magic, char const* what) {
    if (bytes.size() < kFrameHeaderBytes) {
        return Error{Errc::malformed, std::string(what) + " is cut short"};
    }
    Header header;
    std::memcpy(header.data(), bytes.data(), header.size());
    if (load<std::uint32_t>(header.data()) != magic) {
        return Error{Errc::malformed, std::string("no ") + what + " here"};
    }
    if (load<std::uint64_t>(header.data() + kChecksumAt) != checksum_of(header)) {
        return Error{Errc::malformed, std::string(what) + " header checksum"};
    }
    ByteReader in(bytes.subspan(4, kFrameHeaderBytes - 4));
    if (auto const version = in.get<std::uint8_t>(); version != kVersion) {
        return Error{Errc::format_unknown,
                     std::string(what) + " version " + std::to_string(version)};
    }
    return in;
}

bool is_block_shift(std::uint8_t shift) {
    return shift >= kBlockShiftMin && shift <= kBlockShiftMax;
}

bool is_all_zero(ByteView bytes) {
    for (auto const byte : bytes) {
        if (byte != std::byte{0}) {
            return false;
        }
    }
    return true;
}

}  // namespace

std::array<std::byte, kFrameHeaderBytes> encode(FrameHeader const& header) {
    Bytes out;
    out.reserve(kFrameHeaderBytes);
    ByteWriter(out)
        .put(kFrameMagic)
        .put(kVersion)
        .put(static_cast<std::uint8_t>(header.kind))
        .put(header.block_shift)
        .put(std::uint8_t{0})
        .put(std::uint64_t{0})
        .put(header.payload_bytes)
        .put(header.count)
        .put(header.segment_secret)
        .put(header.first_position.value)
        .put(header.durable_position.value)
        .put(header.chain)
        .put(header.kafka_offset)
        .put(header.payload_hash)
        .put(header.offset.value)
        .put(std::uint64_t{0});
    return finish(out);
}

Result<FrameHeader> decode_frame_header(ByteView bytes) {
    CAPSTAN_TRY(auto in, open(bytes, kFrameMagic, "frame"));
    FrameHeader header;
    header.kind = static_cast<FrameKind>(in.get<std::uint8_t>());
    header.block_shift = in.get<std::uint8_t>();
    auto const zero = in.get<std::uint8_t>();
    in.take(8);
    header.payload_bytes = in.get<std::uint32_t>();
    header.count = in.get<std::uint32_t>();
    header.segment_secret = in.get<std::uint64_t>();
    header.first_position.value = in.get<std::uint64_t>();
    header.durable_position.value = in.get<std::uint64_t>();
    header.chain = in.get_hash();
    header.kafka_offset = in.get<std::int64_t>();
    header.payload_hash = in.get<std::uint64_t>();
    header.offset.value = in.get<std::uint64_t>();
    if (header.kind < FrameKind::data || header.kind > FrameKind::footer) {
        return Error{Errc::format_unknown,
                     "frame kind " + std::to_string(static_cast<unsigned>(header.kind))};
    }
    bool const counted = header.kind == FrameKind::data ? header.count > 0 : header.count == 0;
    auto const payload_bytes_max =
        header.kind == FrameKind::footer ? kSegmentBytesMax : kFrameBytesMax;
    if (!counted || !is_block_shift(header.block_shift) || zero != 0 || !is_all_zero(in.rest()) ||
        header.payload_bytes > payload_bytes_max || header.first_position.value == 0 ||
        header.durable_position >= header.first_position) {
        return Error{Errc::malformed, "frame header fields"};
    }
    return header;
}

std::array<std::byte, kSegmentHeaderBytes> encode(SegmentHeader const& header) {
    Bytes out;
    out.reserve(kSegmentHeaderBytes);
    ByteWriter(out)
        .put(kSegmentMagic)
        .put(kVersion)
        .put(header.block_shift)
        .put(std::uint16_t{0})
        .put(std::uint64_t{0})
        .put(header.secret)
        .put(header.number)
        .put(header.first_position.value)
        .put(header.chain)
        .put(header.lineage.value)
        .put(header.size_bytes)
        .put(header.partition);
    out.resize(kSegmentHeaderBytes);
    return finish(out);
}

Result<SegmentHeader> decode_segment_header(ByteView bytes) {
    CAPSTAN_TRY(auto in, open(bytes, kSegmentMagic, "segment"));
    SegmentHeader header;
    header.block_shift = in.get<std::uint8_t>();
    auto const zero = in.get<std::uint16_t>();
    in.take(8);
    header.secret = in.get<std::uint64_t>();
    header.number = in.get<std::uint64_t>();
    header.first_position.value = in.get<std::uint64_t>();
    header.chain = in.get_hash();
    header.lineage.value = in.get<std::uint64_t>();
    header.size_bytes = in.get<std::uint64_t>();
    header.partition = in.get<std::uint32_t>();
    if (zero != 0 || !is_block_shift(header.block_shift) || !is_all_zero(in.rest()) ||
        header.number == 0 || header.first_position.value == 0 ||
        header.size_bytes < kSegmentBytesMin || header.size_bytes > kSegmentBytesMax) {
        return Error{Errc::malformed, "segment header fields"};
    }
    return header;
}

}  // namespace capstan
