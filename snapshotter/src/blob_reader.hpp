#pragma once
#include <capstan/engine/runtime/executor.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/snapshotter/source.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace capstan {

class Storage;

/// Manifests and chunks as they are sent, and folded deltas, read and verified on a thread that may
/// block; the newest stay in memory. Those who ask for the same one while it is read share the
/// answer. Threading: the strand.
class BlobReader {
  public:
    using SharedBytes = SnapshotSource::SharedBytes;
    using OnBytes = SnapshotSource::OnBytes;
    using OnFolded = SnapshotSource::OnFolded;

    BlobReader(Storage& storage, Executor& strand, Executor& reader, std::size_t bytes_max)
        : storage_(storage), strand_(strand), reader_(reader), bytes_max_(bytes_max) {}

    /// `manifest_at`: it is the manifest of the snapshot at that seq, not a chunk.
    /// Errors: `not_found`, `index_damaged`, `disk_io`.
    void read(std::string_view stream,
              ChunkId const& id,
              std::optional<Seq> manifest_at,
              OnBytes done);
    /// From that seq to the snapshot with this manifest. Errors: those too, and `too_large`.
    void fold(std::string_view stream, Seq from, ChunkId const& manifest, Seq seq, OnFolded done);
    /// Nothing of the stream is handed out from memory any more.
    void forget(std::string_view stream);

    std::uint64_t reads() const { return reads_; }
    std::uint64_t hits() const { return hits_; }

  private:
    struct Key {
        std::string stream;
        ChunkId id;  // of a folded delta: the manifest's
        Seq from;    // 0: no folded delta
        friend auto operator<=>(Key const&, Key const&) = default;
    };
    /// Of a blob that is no folded delta only the bytes are known.
    using OnBlob = OnFolded;
    using Read = std::function<Result<FoldedBytes>()>;
    void get(Key key, Read read, OnBlob done);
    void answer(Key const& key, Result<FoldedBytes> const& blob);
    void keep(Key const& key, FoldedBytes const& blob);

    Storage& storage_;
    Executor& strand_;
    Executor& reader_;
    std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::map<Key, FoldedBytes> kept_;
    std::deque<Key> oldest_;
    std::map<Key, std::vector<OnBlob>> asked_;
    std::uint64_t reads_ = 0;
    std::uint64_t hits_ = 0;
};

}  // namespace capstan
