// Journals for tests: submissions of all kinds, most of them plausible.
#pragma once
#include <vector>

#include "dice.hpp"
#include "fold_bed.hpp"

namespace capstan::test {

/// Chooses submissions that fit, more or less, what a fold has seen so far.
class FoldInputs {
  public:
    FoldInputs(FoldBed const& bed, Dice& dice) : bed_(bed), dice_(dice) {}
    Bytes next();

  private:
    Bytes run();
    Bytes for_stream();
    Bytes for_partition();
    Bytes damaged();
    std::string stream_name();
    Seq preceding_seq(StreamRow const& stream, DeviceRow const& device);
    Generation generation(StreamRow const& stream);

    FoldBed const& bed_;
    Dice& dice_;
    std::vector<Bytes> sent_;  // some of them come again
};

/// A journal of this many records, from genesis on.
std::vector<Bytes> random_journal(std::uint64_t seed, std::size_t records);

}  // namespace capstan::test
