#include <capstan/schema/hash.hpp>
#include <capstan/sequencer/fold_hash.hpp>

namespace capstan {
namespace {

/// Stands before the encodings, so that a stream's row and a device's row never are the same bytes.
constexpr std::uint8_t kStreamRow = 1;
constexpr std::uint8_t kDeviceRow = 2;

/// An encoding starts with its version; the hash knows it, as other rules may be other state.
constexpr std::size_t kNumberAt = 1;

}  // namespace

std::uint64_t row_hash(StreamRow const& row) {
    if (!row.known()) {
        return 0;
    }
    Bytes bytes;
    bytes.reserve(256);
    ByteWriter(bytes).put(kStreamRow);
    encode(bytes, row);
    for (std::size_t i = 0; i < sizeof row.number.value; ++i) {
        bytes[1 + kNumberAt + i] =
            std::byte{0};  // numbers differ between layouts of the same streams
    }
    return hash64(bytes);
}

std::uint64_t row_hash(std::string_view stream, DeviceId const& device, DeviceRow const& row) {
    return row_hash(chain_start(stream), device, row);
}

std::uint64_t row_hash(Hash128 const& stream_hash, DeviceId const& device, DeviceRow const& row) {
    if (!row.known()) {
        return 0;
    }
    Bytes bytes;
    bytes.reserve(128);
    ByteWriter(bytes).put(kDeviceRow).put(stream_hash).put(device);
    encode(bytes, row);
    return hash64(bytes);
}

Beacon note_state(PartitionRow& partition) {
    Beacon const mark{partition.position, partition.chain, partition.state_hash};
    auto& marks = partition.marks;
    if (marks.empty() || marks.back().position != mark.position) {
        if (marks.size() == kStateMarksMax) {
            marks.erase(marks.begin());
        }
        marks.push_back(mark);
    }
    return mark;
}

}  // namespace capstan
