#pragma once
#include <capstan/engine/snapshot/folded_delta.hpp>
#include <capstan/engine/snapshot/manifest.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>

namespace capstan {

class Storage;

/// What a delta cost.
struct DeltaFigures {
    std::uint64_t chunks_read = 0;
    std::uint64_t bytes_read = 0;  // before compression
    std::uint64_t objects = 0;     // that it tells of
};

/// The folded delta from an earlier seq to a snapshot. Of the snapshot's chunks only those are read
/// in which something changed since, so it costs what changed, however many events did it.
/// Errors: `not_found` (it has a successor: look at the newest), `index_damaged` (the stream's
/// snapshots are to be removed), `trimmed` (too much went since `from`), `disk_io`.
/// Threading: any, beside the store's. Precondition: 0 < from < manifest.seq.
Result<FoldedDelta> make_delta(Storage& storage,
                               Manifest const& manifest,
                               Seq from,
                               DeltaFigures* figures = nullptr);

}  // namespace capstan
