#pragma once
#include <capstan/sequencer/fold.hpp>
#include <capstan/sequencer/fold_hash.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace capstan::cli {

/// Folds a journal from its first submission, with all rows in memory: what the server derived once
/// more, from the truth alone.
class Refold {
  public:
    /// Errors: `format_unknown`: this build cannot go on.
    Result<> add(ByteView record);

    PartitionRow const& partition() const { return partition_; }
    std::uint64_t state_hash();
    std::uint64_t events() const { return events_; }
    std::uint64_t streams() const { return streams_.size(); }
    std::uint64_t malformed() const { return malformed_; }

  private:
    struct Stream {
        StreamRow row;
        HashShare share;
        std::map<DeviceId, std::pair<DeviceRow, HashShare>> devices;
    };
    Verdict fold_known(SubmissionView const& view, ByteView record);

    PartitionRow partition_;
    std::map<std::string, Stream, std::less<>> streams_;
    std::uint64_t events_ = 0;
    std::uint64_t malformed_ = 0;
};

}  // namespace capstan::cli
