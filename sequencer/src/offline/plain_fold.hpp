#pragma once
#include <capstan/sequencer/fold.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace capstan {

/// Folds a journal from its first submission, with all rows in memory and no index.
class PlainFold {
  public:
    /// Errors: `format_unknown`: this build cannot go on.
    Result<> add(ByteView record);

    using Streams = std::map<std::string, StreamRow, std::less<>>;
    Streams const& streams() const { return streams_; }
    StreamRow const* find(std::string_view stream) const;
    Position position() const { return partition_.position; }
    std::uint64_t events() const { return events_; }

  private:
    Verdict fold_known(SubmissionView const& view, ByteView record);

    PartitionRow partition_;
    Streams streams_;
    std::map<std::pair<StreamNumber, DeviceId>, DeviceRow> devices_;
    std::uint64_t events_ = 0;
};

}  // namespace capstan
