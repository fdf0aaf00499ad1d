#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/sequencer/segment_reader.hpp>
#include <capstan/sequencer/stream_links.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

/// Where the fold stood: everything up to `position` is in the rows beside it, nothing behind it
/// is.
struct Checkpoint {
    Position position;
    Hash128 chain;          // submission chain at `position`
    SegmentNumber segment;  // the journal goes on here,
    Offset offset;          // at this frame
    std::uint64_t state_hash = 0;
    Bytes partition_row;  // as the fold encodes it
    friend bool operator==(Checkpoint const&, Checkpoint const&) = default;
};

/// A stream's row to store. Rows are the fold's encodings; the store does not look inside.
struct StreamWrite {
    StreamNumber number;
    std::string name;
    Position changed;  // the stream's last visible change; 0: as stored before
    Bytes row;
};

struct DeviceWrite {
    StreamNumber stream;
    DeviceId device;
    Bytes row;
};

/// Run entries of a segment that is not sealed yet, as the index encodes them.
struct RunChunk {
    SegmentNumber segment;
    Position first;  // of its first run; orders the chunks of a segment
    Bytes bytes;     // at most kRunChunkBytes
    friend bool operator==(RunChunk const&, RunChunk const&) = default;
};

struct LinksWrite {
    StreamNumber stream;
    StreamLinks links;
};

/// What the index adds to a checkpoint.
struct IndexDelta {
    std::vector<RunChunk> runs;
    std::vector<LinksWrite> links;  // of a stream that occurs twice, the later one counts
    SegmentNumber retired;          // run chunks of this segment and older ones go
};

/// One checkpoint: all of it becomes durable together. An owned value, so that the strand that made
/// it goes on while another thread commits it.
struct CheckpointBatch {
    Checkpoint checkpoint;
    std::vector<StreamWrite> streams;  // each stream and device at most once
    std::vector<DeviceWrite> devices;
    IndexDelta index;
};

/// With a 4-byte check such a value fills one LMDB page of its own.
inline constexpr std::size_t kRunChunkBytes = 4'076;

struct StoredStream {
    StreamNumber number;
    Position changed;
    Bytes row;
    friend bool operator==(StoredStream const&, StoredStream const&) = default;
};

struct StreamListing {
    std::string name;
    StreamNumber number;
    friend bool operator==(StreamListing const&, StreamListing const&) = default;
};

struct StreamPage {
    std::vector<StreamListing> streams;       // by name
    std::optional<std::string> resume_after;  // there may be more behind this name
};

struct StreamChange {
    Position position;
    StreamNumber stream;
    friend bool operator==(StreamChange const&, StreamChange const&) = default;
};

/// What the index kept of the segments that were not sealed.
struct StoredRuns {
    SegmentNumber retired;
    std::vector<RunChunk> chunks;  // by segment, then position
};

/// Keeps the derived state of a partition: the fold's rows and the index's, as they were at one
/// position. All of it can be lost and comes back from the journal.
/// Threading: `commit` in one thread; everything else in any, next to it. Each call sees the state
/// of one commit; two calls may see different ones.
/// Errors: `index_damaged` (delete it, fold the journal from its start), `storage_full`, `disk_io`,
/// `format_unknown`.
class CheckpointStore {
  public:
    virtual ~CheckpointStore() = default;

    /// Nothing if none was committed yet.
    virtual Result<std::optional<Checkpoint>> load() const = 0;

    virtual Result<std::optional<StoredStream>> stream(std::string_view name) const = 0;
    virtual Result<std::optional<StoredStream>> stream(StreamNumber number) const = 0;
    virtual Result<std::optional<Bytes>> device(StreamNumber stream,
                                                DeviceId const& device) const = 0;

    /// Streams whose name matches, by name, behind `after`: at most `limit` of them, and looking at
    /// no more than `kListScanMax` names, whichever comes first.
    virtual Result<StreamPage> list(StreamPattern const& pattern,
                                    std::string_view after,
                                    std::size_t limit) const = 0;

    /// Streams whose last change lies above a position, each once, by that change; at most `limit`.
    virtual Result<std::vector<StreamChange>> changed_after(Position position,
                                                            std::size_t limit) const = 0;

    /// The links of each stream, in the same order; empty ones where none are stored.
    virtual Result<std::vector<StreamLinks>> links(std::span<StreamNumber const> streams) const = 0;

    virtual Result<StoredRuns> runs() const = 0;

    /// Makes a batch durable, whole; an error leaves the last checkpoint in force, and the same
    /// batch may be committed again. Batches come in the order of their positions.
    virtual Result<> commit(CheckpointBatch const& batch) = 0;
};

inline constexpr std::size_t kListScanMax = 65'536;

/// What all names that match begin with.
std::string_view literal_prefix(StreamPattern const& pattern);

}  // namespace capstan
