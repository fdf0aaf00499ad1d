#pragma once
#include <capstan/engine/runtime/executor.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/snapshotter/source.hpp>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace capstan {

class Storage;

/// Manifests and chunks as they are sent, read and verified on a thread that may block; the newest
/// stay in memory. Those who ask for the same one while it is read share the answer.
/// Threading: the strand.
class BlobReader {
  public:
    using SharedBytes = SnapshotSource::SharedBytes;
    using OnBytes = SnapshotSource::OnBytes;

    BlobReader(Storage& storage, Executor& strand, Executor& reader, std::size_t bytes_max)
        : storage_(storage), strand_(strand), reader_(reader), bytes_max_(bytes_max) {}

    /// `manifest_at`: it is the manifest of the snapshot at that seq, not a chunk.
    /// Errors: `not_found`, `index_damaged`, `disk_io`.
    void read(std::string_view stream,
              ChunkId const& id,
              std::optional<Seq> manifest_at,
              OnBytes done);
    /// Nothing of the stream is handed out from memory any more.
    void forget(std::string_view stream);

    std::uint64_t reads() const { return reads_; }
    std::uint64_t hits() const { return hits_; }

  private:
    using Key = std::pair<std::string, ChunkId>;
    void answer(Key const& key, Result<SharedBytes> const& bytes);
    void keep(Key const& key, SharedBytes const& bytes);

    Storage& storage_;
    Executor& strand_;
    Executor& reader_;
    std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::map<Key, SharedBytes> kept_;
    std::deque<Key> oldest_;
    std::map<Key, std::vector<OnBytes>> asked_;
    std::uint64_t reads_ = 0;
    std::uint64_t hits_ = 0;
};

}  // namespace capstan
