#pragma once
#include <capstan/schema/submission.hpp>
#include <capstan/sequencer/fold_rows.hpp>
#include <cstdint>
#include <string_view>

/// The state hash of a partition: the sum (modulo 2^64) of the hashes of its stream and device
/// rows. It depends on the state alone: not on batches, nodes, stream numbers, or on when rows were
/// loaded and stored.
namespace capstan {

/// 0 for a row never seen. A stream's hash is that of its row plus those of its devices' rows.
std::uint64_t row_hash(StreamRow const& row);
std::uint64_t row_hash(std::string_view stream, DeviceId const& device, DeviceRow const& row);
/// The same, for a caller that keeps `chain_start` of the stream's name.
std::uint64_t row_hash(Hash128 const& stream_hash, DeviceId const& device, DeviceRow const& row);

/// A row's share in its partition's state hash. It stands beside the row, and is settled lazily:
/// once for all changes since the last time, before the sum is read. A row just loaded has the
/// share `HashShare{row_hash(row)}`.
struct HashShare {
    std::uint64_t counted = 0;
    void settle(PartitionRow& partition, std::uint64_t now) {
        partition.state_hash += now - counted;
        counted = now;
    }
};

/// Positions at which every node notes its state, so that any of them can check a beacon of any
/// other.
constexpr bool state_mark_due(Position position) {
    return position.value % kStateMarkEvery == 0;
}

/// Notes the state at the partition's position and returns the beacon that says so.
/// Precondition: all shares are settled; `state_mark_due`. Noting a position twice changes nothing.
Beacon note_state(PartitionRow& partition);

}  // namespace capstan
