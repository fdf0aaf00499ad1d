#pragma once
#include <array>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/limits.hpp>
#include <cstdint>

namespace capstan {

/// What a frame holds.
enum class FrameKind : std::uint8_t {
    data = 1,    // submissions of one group commit
    marker = 2,  // nothing; written by an idle writer to declare what is durable
    footer = 3,  // the index of a sealed segment; the segment's last frame
};

/// Header of one frame; the payload and zeros up to the next block boundary follow.
///
///   frame := u32 magic "CFRM", u8 version = 1, u8 kind, u8 block shift, u8 zero, u64 checksum, u32
///   payload length,
///            u32 count, u64 segment secret, u64 first position, u64 durable position, hash128
///            chain, i64 Kafka offset, u64 payload hash, u64 offset of this frame, u64 zero
///   checksum := XXH3-64 of the 96 bytes with the checksum as zero
///   chain    := the submission chain after the frame's last submission
///
/// A frame whose header names another secret or offset is a leftover or a misdirected write: not
/// part of the segment. Source: docs/on-disk-format.md, "Frame".
struct FrameHeader {
    FrameKind kind = FrameKind::data;
    std::uint8_t block_shift = 12;  // frames start at multiples of 2^shift bytes
    std::uint32_t payload_bytes = 0;
    std::uint32_t count = 0;  // submissions; 0 unless kind is data
    std::uint64_t segment_secret = 0;
    Position
        first_position;  // of the frame's first submission, or of the next one where it has none
    Position durable_position;  // known durable when this frame was written; durable < first
    Hash128 chain;
    /// On a tape: where the last submission in or before this frame stands in the log; else -1.
    std::int64_t kafka_offset = -1;
    std::uint64_t payload_hash = 0;  // XXH3-64
    Offset offset;                   // where this frame stands in its segment

    Position last_position() const { return Position{first_position.value + count - 1}; }
    friend bool operator==(FrameHeader const&, FrameHeader const&) = default;
};
std::array<std::byte, kFrameHeaderBytes> encode(FrameHeader const& header);
/// Errors: `malformed` (no frame here, or a damaged one), `format_unknown` (a valid checksum, but
/// another version or kind).
Result<FrameHeader> decode_frame_header(ByteView bytes);

/// First block of a segment file.
///
///   segment := u32 magic "CSEG", u8 version = 1, u8 block shift, u16 zero, u64 checksum, u64
///   secret, u64 number,
///              u64 first position, hash128 chain before it, u64 lineage, u64 size in bytes, u32
///              partition, 20 B zero
struct SegmentHeader {
    std::uint8_t block_shift = 12;
    std::uint64_t secret = 0;  // random; tells this use of the file from an earlier one
    std::uint64_t number = 0;  // 1, 2, 3, …
    Position first_position;
    Hash128 chain;  // the submission chain before the first position
    Lineage lineage;
    std::uint64_t size_bytes = 0;
    std::uint32_t partition = 0;
    friend bool operator==(SegmentHeader const&, SegmentHeader const&) = default;
};
std::array<std::byte, kSegmentHeaderBytes> encode(SegmentHeader const& header);
/// Errors: as `decode_frame_header`.
Result<SegmentHeader> decode_segment_header(ByteView bytes);

/// Bytes that a frame takes on disk: header, payload, padding.
constexpr std::uint64_t frame_extent(std::uint64_t payload_bytes, std::uint8_t block_shift) {
    auto const block = std::uint64_t{1} << block_shift;
    return (kFrameHeaderBytes + payload_bytes + block - 1) & ~(block - 1);
}

}  // namespace capstan
