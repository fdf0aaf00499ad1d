#pragma once
#include <capstan/engine/runtime/storage.hpp>
#include <capstan/sequencer/checkpoint_store.hpp>
#include <capstan/sequencer/file_journal.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace capstan {

struct LostRange {
    Position first;
    Position last;
    friend auto operator<=>(LostRange const&, LostRange const&) = default;
};

/// The positions that a report's damage concerns, joined, in order.
std::vector<LostRange> lost_ranges(VerifyReport const& report);

/// Which streams had runs at lost positions.
struct Touched {
    std::map<std::string, Position, std::less<>> streams;  // and the first lost position of each
    bool known = true;  // false: nothing tells; any stream may have had some
};

/// What the index and the footers tell of lost positions: footers of sealed segments and the
/// index's runs of others name each run with its position; of a segment that is gone, links from
/// later ones and from the index name the streams. `index` may be null. Errors: `disk_io`.
Result<Touched> touched_streams(Storage& journal,
                                VerifyReport const& report,
                                CheckpointStore const* index,
                                std::vector<LostRange> const& lost);

}  // namespace capstan
