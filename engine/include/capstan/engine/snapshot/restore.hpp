#pragma once
#include <capstan/engine/model/canonical.hpp>
#include <capstan/engine/snapshot/manifest.hpp>
#include <functional>
#include <optional>
#include <vector>

namespace capstan {

/// Gives a chunk's bytes before compression, verified.
using ReadChunk = std::function<Result<Bytes>(ChunkRef const&)>;

/// A model and, by device number, the counter of each device's last event in it.
struct RestoredSnapshot {
    Model model;
    std::vector<Counter> counters;

    /// The device's last event in the model; 0 for a device that made none.
    Counter last_of(DeviceId const& device) const;
};

/// The model that a snapshot holds. Its parts are compared with what the manifest says of the
/// whole. Errors: those of `read`, `malformed`.
Result<RestoredSnapshot> restore_snapshot(Manifest const& manifest, ReadChunk const& read);

}  // namespace capstan
