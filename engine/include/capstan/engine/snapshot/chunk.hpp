#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/limits.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace capstan {

struct ObjectHead;

/// Ids in a chunk of the device table, and numbers in one of counters.
inline constexpr std::size_t kChunkDevices = 1'024;

/// Devices are given the first four; the others are for servers (<capstan/snapshotter/past.hpp>).
enum class ChunkKind : std::uint8_t {
    objects,
    devices,
    window,
    counters,
    trails,
    visits,
    deaths,
    past,
};

/// A chunk as a manifest names it.
struct ChunkRef {
    ChunkId id;
    std::uint32_t bytes = 0;         // before compression
    std::uint32_t packed_bytes = 0;  // as it is stored and sent
    friend bool operator==(ChunkRef const&, ChunkRef const&) = default;
};

/// `kind` in front of `body`, as version 1 has it.
Bytes make_chunk(ChunkKind kind, ByteView body);
/// The body. Errors: `malformed`, `format_unknown`.
Result<ByteView> open_chunk(ChunkKind kind, ByteView bytes);

/// Calls `visit(head, object bytes)` for each object of a chunk until it fails. Errors: its, and
/// `malformed`.
Result<> each_object(ByteView chunk,
                     std::function<Result<>(ObjectHead const&, ByteView)> const& visit);

/// For some neighbours of the device table: the counter of each one's last event.
Bytes make_counters(std::span<Counter const> counters);
/// Errors: `malformed`, `format_unknown`.
Result<std::vector<Counter>> read_counters(ByteView chunk);

}  // namespace capstan
