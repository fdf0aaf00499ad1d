#pragma once
#include <cstddef>
#include <cstdint>

namespace capstan {

// Every limit of formats and protocol. docs/protocol.md prints this table; a test keeps the two
// equal.

/// Whole submission on the journal, all fields and events. Kafka's default record limit is
/// 1,048,588 bytes.
inline constexpr std::size_t kSubmissionBytesMax = 1'000'000;
inline constexpr std::size_t kRunEventsMax = 4'096;
inline constexpr std::size_t kEventBytesMax = 900'000;
inline constexpr std::size_t kStreamNameBytesMax = 255;
inline constexpr std::size_t kPrincipalBytesMax = 255;
inline constexpr std::size_t kExtensionBytesMax = 4'096;
inline constexpr std::size_t kEventOpsMax = 4'096;
inline constexpr std::size_t kObjectIdBytesMax = 255;
inline constexpr std::size_t kFieldNameBytesMax = 255;

/// One WebSocket message, either way. Holds one or more size-prefixed FlatBuffers.
inline constexpr std::size_t kMessageBytesMax = 1'048'576;
/// FlatBuffers verifier: how deep and how many tables one message may have.
inline constexpr std::size_t kMessageDepthMax = 16;
inline constexpr std::size_t kMessageTablesMax = 16'384;
inline constexpr std::size_t kHelloStreamsMax = 16'384;
inline constexpr std::size_t kHelloPatternsMax = 64;
inline constexpr std::size_t kTokenBytesMax = 8'192;
inline constexpr std::size_t kMessageTextBytesMax = 1'024;

/// A chunk of a snapshot, compressed or not, and a manifest.
inline constexpr std::size_t kChunkBytesMax = 64 * 1'048'576;
/// Chunks that one message asks for.
inline constexpr std::size_t kNeedChunksMax = 1'024;

inline constexpr std::size_t kFrameHeaderBytes = 96;
inline constexpr std::size_t kSegmentHeaderBytes = 96;
/// Submissions of one frame. A group commit larger than this becomes several frames; a footer may
/// take kSegmentBytesMax.
inline constexpr std::size_t kFrameBytesMax = 8 * 1'048'576;
inline constexpr std::size_t kSegmentBytesMin = 64 * 1'024;
inline constexpr std::size_t kSegmentBytesDefault = 64 * 1'048'576;
inline constexpr std::size_t kSegmentBytesMax = 1'024 * 1'048'576;

}  // namespace capstan
