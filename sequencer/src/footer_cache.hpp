#pragma once
#include <boost/unordered/unordered_flat_map.hpp>
#include <capstan/sequencer/footer.hpp>
#include <capstan/sequencer/segment_reader.hpp>
#include <list>

namespace capstan {

/// Reads parts of footers, and keeps the tables of those used last.
class FooterCache {
  public:
    FooterCache(SegmentReader const& segments, std::size_t bytes_max)
        : segments_(segments), bytes_max_(bytes_max) {}

    /// Valid until the next call. Errors: `index_damaged`, and as `SegmentReader`.
    Result<FooterTable const*> table(SegmentNumber segment);
    /// The part of `stream` in a block, or nothing; valid until the next call.
    Result<FooterPart const*> part(FooterTable const& table,
                                   std::size_t block,
                                   StreamNumber stream);

  private:
    struct Entry {
        FooterTable table;
        FooterPlace place;
    };
    Result<Entry> load(SegmentNumber segment) const;

    SegmentReader const& segments_;
    std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::list<Entry> entries_;  // used last first
    boost::unordered_flat_map<std::uint64_t, std::list<Entry>::iterator> by_segment_;
    Bytes block_;
    FooterPart part_;
};

}  // namespace capstan
