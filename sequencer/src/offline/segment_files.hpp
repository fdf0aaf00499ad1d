#pragma once
#include <capstan/engine/runtime/storage.hpp>
#include <optional>

#include "../file_journal/segment.hpp"

// What the tools read of segment files beside the journal's own readers.
namespace capstan {

/// A whole footer and where its frame stands.
struct StoredFooter {
    Offset frame;
    Bytes bytes;
};

/// Nothing: the segment's last frame is no whole footer. Errors: `journal_corrupt` (its header),
/// `not_found`, `format_unknown`, `disk_io`.
Result<std::optional<StoredFooter>> read_footer(Storage& journal, SegmentNumber segment);

/// The partition that the first segment's header names. Errors: as `read_footer`.
Result<std::uint32_t> partition_of_journal(Storage& journal);

/// Bytes of all segments, and where each begins among them.
class SegmentBytes {
  public:
    static Result<SegmentBytes> of(Storage& journal);
    std::uint64_t total() const { return total_; }
    /// Bytes of the segments before this one, and of this one up to `offset`.
    std::uint64_t through(SegmentNumber segment, Offset offset) const;

  private:
    SegmentNumber first_;
    std::vector<std::uint64_t> before_;  // by segment from the first on
    std::uint64_t total_ = 0;
};

}  // namespace capstan
