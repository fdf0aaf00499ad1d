#pragma once
#include <capstan/schema/ids.hpp>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace capstan {

/// Number of a device within its stream, given by the model (first accepted event first). Texts
/// only compare it. At most `kDeviceIndexMax`.
struct DeviceIndex {
    std::uint32_t value = 0;
    friend auto operator<=>(DeviceIndex, DeviceIndex) = default;
};
inline constexpr std::uint32_t kDeviceIndexMax = (std::uint32_t{1} << 31) - 2;

/// When an edit counts as made: the seq of its event, or, while pending, a place above every seq.
/// Pending edits are numbered 1, 2, 3, … by the device that made them, in the order it made them.
struct Stamp {
    std::uint64_t value = 0;

    static constexpr std::uint64_t kPendingBase = std::uint64_t{1} << 63;
    static constexpr Stamp of(Seq seq) { return Stamp{seq.value}; }
    static constexpr Stamp pending(std::uint64_t number) { return Stamp{kPendingBase + number}; }
    constexpr bool is_pending() const { return value > kPendingBase; }
    friend auto operator<=>(Stamp, Stamp) = default;
};

/// Where one event stands: all that a text needs to know to read it through its author's eyes.
struct EditStamp {
    Stamp at;
    Seq preceding_seq;   // p of the event; never authored_p
    DeviceIndex device;  // its author
    /// The merge mark in force just before the event, mark(seq - 1). 0 for an operation on an
    /// object that the same device inserted in the same run: it never needs the window.
    Seq merge_mark;
};

/// What became of all of an event's edits of one text or list. An edit that is void changes
/// nothing; the model records it.
enum class EditVerdict : std::uint8_t {
    applied,
    below_mark,    // p is below the merge mark: only its author could have placed it
    outside_view,  // some edit reaches past the end of what its author saw
};

/// Sizes that trade memory for time. Any values give the same text; tests use tiny ones. Whoever
/// takes one refers to it for life.
struct EditTuning {
    std::size_t leaf_bytes = 1'000;   // of a rope's leaf, at least 8
    std::size_t chunk_spans = 24;     // of a window list's chunk, 2 to 24
    std::uint64_t far_seqs = 256;     // an edit this far behind reads prepared sums
    std::size_t collect_spans = 128;  // a window list of this size is worth collecting
    std::size_t tail_edits = 1'024;   // noted at most before they go into the window list
};
inline constexpr EditTuning kEditTuning{};

}  // namespace capstan
