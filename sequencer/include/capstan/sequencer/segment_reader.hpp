#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

namespace capstan {

/// Where the payload of a sealed segment's footer stands, in one piece.
struct FooterPlace {
    Offset offset;
    std::uint64_t bytes = 0;
};

/// Reads back what a journal wrote. Journals and tapes implement it. Threading: any.
class SegmentReader {
  public:
    virtual ~SegmentReader() = default;

    /// Fills `into` from the segment's file, beginning at `offset`. What it reads is not checked.
    /// Errors: `trimmed` (no such segment any more), `journal_corrupt` (the file ends before),
    /// `disk_io`.
    virtual Result<> read(SegmentNumber segment,
                          Offset offset,
                          std::span<std::byte> into) const = 0;

    /// Errors: `not_found` (the segment is not sealed), and as `read`.
    virtual Result<FooterPlace> footer(SegmentNumber segment) const = 0;
};

}  // namespace capstan
