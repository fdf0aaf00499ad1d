#pragma once
#include <capstan/schema/frame.hpp>
#include <capstan/sequencer/journal.hpp>
#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <mutex>

#include "segment.hpp"

namespace capstan::file_journal {

/// A segment opened for reading. Immutable; closed when the last reader lets go.
struct OpenSegment {
    SegmentHeader header;
    std::unique_ptr<File> file;
};

/// Which segments there are, and the read descriptors of those used last. Threading: any thread;
/// the mutex is held while a file is opened or its header read, never while a caller reads from it.
class SegmentTable {
  public:
    SegmentTable(Storage& storage, SegmentNumber first, SegmentNumber last, std::size_t open_max)
        : storage_(storage), first_(first), last_(last), open_max_(open_max) {}

    SegmentNumber first() const;
    SegmentNumber last() const;

    /// Errors: `trimmed` (below the first), `not_found` (above the last), `journal_corrupt`,
    /// `format_unknown`, `disk_io`.
    Result<std::shared_ptr<OpenSegment const>> open(SegmentNumber number);
    /// The segment that holds the position, or would be the one to hold it. Errors: `trimmed`, as
    /// `open`.
    Result<std::shared_ptr<OpenSegment const>> find(Position position);
    Result<FooterExtent> footer(SegmentNumber number);

    // The writer's.

    void add(SegmentNumber number);
    /// Forgets the first segment; says whether a reader still has it open.
    bool drop_first();

  private:
    using Recent = std::list<std::pair<SegmentNumber, std::shared_ptr<OpenSegment const>>>;

    Result<std::shared_ptr<OpenSegment const>> open_file(SegmentNumber number);
    void remember(SegmentNumber number, std::shared_ptr<OpenSegment const> segment);
    void close_all_but(std::size_t count);

    Storage& storage_;
    std::mutex mutable mutex_;  // guards what follows
    SegmentNumber first_;
    SegmentNumber last_;
    std::size_t open_max_;
    Recent recent_;  // the one used last in front
    std::map<SegmentNumber, Recent::iterator> by_number_;
    std::map<SegmentNumber, std::weak_ptr<OpenSegment const>>
        held_;  // by anyone, also of those not recent
    std::map<SegmentNumber, FooterExtent> footers_;
};

}  // namespace capstan::file_journal
