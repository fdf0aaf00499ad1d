#pragma once
#include <boost/unordered/unordered_flat_map.hpp>
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/snapshotter/keeper.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

/// Which streams are due for a snapshot: what has come since the last one. It knows of a bounded
/// number of streams; when there are more, those with the fewest bytes are forgotten, and found
/// again by their next event.
class DueStreams {
  public:
    static constexpr std::size_t kStreamsMax = 65'536;

    explicit DueStreams(SnapshotPolicy const& policy) : policy_(policy) {}

    bool knows(StreamNumber stream) const { return since_.contains(stream.value); }
    /// `last`: its newest snapshot, or nothing. Precondition: it is not known.
    void add(StreamNumber stream,
             std::string_view name,
             SnapshotOffer const* last,
             Seq head,
             Instant now);
    /// So many bytes of events have brought it to `head`. True: a snapshot is due.
    /// Precondition: it is known.
    bool moved(StreamNumber stream, Seq head, std::uint64_t bytes);
    /// A snapshot at `seq` is there, or being built: what comes behind it counts.
    void covered(StreamNumber stream, Seq seq, Instant now);

    struct Stream {
        StreamNumber number;
        std::string name;
    };
    /// Streams that are due by age.
    std::vector<Stream> aged(Instant now);

  private:
    struct Since {
        std::string name;
        Seq last;  // of the snapshot
        Seq head;
        std::uint64_t bytes = 0;
        Instant first;  // when the first event came
    };
    void forget_some();

    SnapshotPolicy policy_;
    boost::unordered_flat_map<std::uint32_t, Since> since_;
    Instant looked_;
};

}  // namespace capstan
