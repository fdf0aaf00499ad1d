#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/sequencer/segment_reader.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace capstan {

/// A segment that holds runs of a stream, and the seq of the first of them.
struct SegmentLink {
    SegmentNumber segment;
    Seq first;
    friend bool operator==(SegmentLink const&, SegmentLink const&) = default;
};

/// A stream's way back through the sealed segments that hold runs of it, by powers of two.
///
/// The segments of a stream are numbered 1..k for this. The footer of segment j links to j−1, j−2,
/// j−4, … down to j with its lowest set bit cleared: two links on average. What is kept beside
/// the footers is the node k, k with its lowest bit cleared, and so on: at most log2 k nodes, from
/// which any older one is O(log k) links away. A new segment is one binary increment:
///
///     k = 6 = 110b   kept: 6, 4
///     k = 7 = 111b   kept: 7, 6, 4     footer 7 links to 6
///     k = 8 = 1000b  kept: 8           footer 8 links to 7, 6, 4
class StreamLinks {
  public:
    /// Precondition: a later segment and seq than all before.
    void push(SegmentLink node);

    /// The kept nodes, oldest first.
    std::span<SegmentLink const> nodes() const { return nodes_; }
    std::optional<SegmentLink> newest() const;
    /// Those of them that the next segment's footer links to, oldest first.
    std::span<SegmentLink const> next_links() const;
    std::uint32_t segments() const { return segments_; }

    ///   links := varint k, node from the newest to the oldest: varint segment, varint first seq,
    ///            each but the newest as the distance from the one before it
    Bytes encode() const;
    /// Errors: `index_damaged`.
    static Result<StreamLinks> decode(ByteView bytes);

    friend bool operator==(StreamLinks const&, StreamLinks const&) = default;

  private:
    std::uint32_t segments_ = 0;
    std::vector<SegmentLink> nodes_;  // one for each set bit of segments_
};

}  // namespace capstan
