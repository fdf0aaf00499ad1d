#pragma once
#include <array>
#include <capstan/engine/snapshot/chunk.hpp>
#include <capstan/engine/snapshot/manifest.hpp>
#include <capstan/engine/snapshot/trail.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// What a snapshot keeps beside the model so that folded deltas from earlier seqs can be made of
/// it: when fields were last changed, which objects went, when devices came. Servers alone read it.
/// It follows from the events alone, and chunks of it are shared between snapshots as others are.
namespace capstan {

/// Deaths of a chunk, and chunks of them that are kept: the oldest go.
inline constexpr std::size_t kChunkDeaths = 1'024;
inline constexpr std::size_t kDeathChunksMax = 64;

/// Bytes of a chunk's objects by how long before the chunk's last change they were last changed:
/// by that event, less than 8 seqs before it, less than 64, ….
using Recency = std::array<std::uint32_t, 8>;
std::size_t recency_of(std::uint64_t seqs_before);

/// Beside a chunk of objects.
struct ObjectsPast {
    ChunkRef trails;
    Recency recent{};
    friend bool operator==(ObjectsPast const&, ObjectsPast const&) = default;
};

/// Beside a chunk of devices.
struct DevicesPast {
    ChunkRef visits;
    Seq last;  // of all their events
    friend bool operator==(DevicesPast const&, DevicesPast const&) = default;
};

struct DeathsPast {
    ChunkRef deaths;
    Seq last;
    friend bool operator==(DeathsPast const&, DeathsPast const&) = default;
};

struct Past {
    std::vector<ObjectsPast> objects;  // as many as chunks of objects
    std::vector<DevicesPast> devices;  // as many as chunks of devices
    std::vector<DeathsPast> deaths;    // by seq; all of `kChunkDeaths`, but the last
    Seq deaths_after;                  // they are all there are above this seq
    friend bool operator==(Past const&, Past const&) = default;

    /// All that it names.
    std::vector<ChunkRef> chunks() const;
};

/// The first and the last event of a device.
struct DeviceSpan {
    Seq first;
    Seq last;
    friend bool operator==(DeviceSpan const&, DeviceSpan const&) = default;
};

using Death = std::pair<Seq, std::string>;

// As chunks, and back. Errors: `malformed`, `format_unknown`.

Bytes make_past(Past const& past);
Result<Past> read_past(ByteView chunk);
Bytes make_visits(std::span<DeviceSpan const> visits);
Result<std::vector<DeviceSpan>> read_visits(ByteView chunk);
Bytes make_deaths(std::span<Death const> deaths);
Result<std::vector<Death>> read_deaths(ByteView chunk);

/// Calls `visit(head, object bytes, trail bytes)` for each object of a chunk until it fails.
/// Errors: its, and `malformed`.
Result<> each_trailed(
    ByteView objects,
    ByteView trails,
    std::function<Result<>(ObjectHead const&, ByteView object, ByteView trail)> const& visit);

/// How many bytes of a snapshot's objects changed behind an earlier seq: an estimate, from the
/// sizes alone.
class ChangedBytes {
  public:
    ChangedBytes() = default;
    ChangedBytes(Manifest const& manifest, Past const& past);
    /// `seqs` before the snapshot's, as they are sent.
    std::uint64_t within(std::uint64_t seqs) const;

  private:
    std::array<std::uint64_t, 40> within_{};  // 2^i seqs
};

}  // namespace capstan
