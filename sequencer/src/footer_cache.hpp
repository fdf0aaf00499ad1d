#pragma once
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <capstan/sequencer/footer.hpp>
#include <capstan/sequencer/segment_reader.hpp>
#include <list>
#include <optional>

namespace capstan {

/// Reads parts of footers, and keeps the tables and the parts that were used last: who reads a
/// stream on comes back to a part several times.
class FooterCache {
  public:
    FooterCache(SegmentReader const& segments, std::size_t bytes_max)
        : segments_(segments), bytes_max_(bytes_max) {}

    /// Valid until the next call. Errors: `index_damaged`, and as `SegmentReader`.
    Result<FooterTable const*> table(SegmentNumber segment);
    /// The part of `stream` in a block, or nothing; valid until the next call of either.
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
    struct KeptPart {
        SegmentNumber segment;
        std::size_t block = 0;
        std::optional<FooterPart> part;
    };

    Bytes block_;
    std::array<KeptPart, 4> parts_;
    std::size_t oldest_part_ = 0;
};

}  // namespace capstan
