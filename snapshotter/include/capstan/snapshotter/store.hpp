#pragma once
#include <capstan/engine/snapshot/manifest.hpp>
#include <capstan/snapshotter/past.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

class Storage;

/// The snapshots of all streams of a server, in a directory of their own:
///
///     m-<stream>-<seq>      a manifest; the stream as the hash of its name, the seq in hex
///     c-<stream>-<id>       a chunk of this stream, compressed
///     new                   being written
///
/// All of it is derived: the directory may be deleted while the server is stopped.
///
/// A snapshot is there from the moment its manifest is renamed into place; its chunks are durable
/// by then. A crash at any point leaves the one before. What no manifest names is removed at the
/// next start, or when the newest two manifests of a stream have a successor: readers who are in
/// the middle of one have until then.
///
/// Threading: one thread; calls block. Errors beside those named: `disk_io`, `storage_full`.
class SnapshotStore {
  public:
    static constexpr std::size_t kKept = 2;

    /// Reads all manifests, forgets those that are damaged, and removes what none names.
    static Result<SnapshotStore> open(Storage& storage);

    /// Nothing if the stream has none. Errors: `index_damaged`, and it is forgotten.
    Result<std::optional<Manifest>> newest(std::string_view stream);
    /// Names of the streams that have a snapshot, with its seq.
    std::vector<std::pair<std::string, Seq>> list() const;

    /// A chunk's bytes, verified. Errors: `not_found`; `index_damaged`, and it is removed: what is
    /// damaged is never served again.
    Result<Bytes> chunk(std::string_view stream, ChunkRef const& ref);
    bool has_chunk(std::string_view stream, ChunkId const& id) const;

    /// Writes a chunk unless it is there. Durable with `publish`. The answer is what a manifest
    /// says of it, and whether it was new.
    struct Put {
        ChunkRef ref;
        bool written = false;
    };
    Result<Put> put_chunk(std::string_view stream, ByteView bytes);
    /// Makes it the stream's newest snapshot, and removes what is older than the newest two.
    /// `past`: what `manifest.past` holds.
    /// Precondition: its seq is above that of the newest. Errors: `index_damaged` (a chunk of it is
    /// not there).
    Result<> publish(Manifest const& manifest, Past const& past);
    /// Removes all that the stream has: it is to be built from its first event.
    Result<> remove(std::string_view stream);

  private:
    struct Named {
        Seq seq;
        std::vector<ChunkId> chunks;
    };
    /// Of one stream.
    struct Files {
        std::string stream;
        std::vector<Named> manifests;             // by seq
        std::map<ChunkId, std::uint32_t> chunks;  // on disk, with their packed size
    };

    explicit SnapshotStore(Storage& storage) : storage_(&storage) {}
    Result<> read_manifest(std::string const& name);
    Result<> drop_incomplete(std::string const& key, Files& files);
    Result<> remove_file(std::string const& name);
    Result<> write(std::string const& name, ByteView bytes);
    Result<> collect(std::string const& key, Files& files);
    Files const* find(std::string_view stream) const;

    Storage* storage_;
    std::map<std::string, Files> files_;  // by the hash in file names
};

/// A chunk as it is sent, read from the store's directory and verified. Errors: `not_found`;
/// `index_damaged`: the stream's snapshots are to be removed. Threading: any, beside the store's.
Result<Bytes> read_packed_chunk(Storage& storage, std::string_view stream, ChunkId const& id);
/// The manifest of the snapshot at that seq, as encoded; its hash is for the caller to compare.
/// Errors: `not_found`. Threading: any, beside the store's.
Result<Bytes> read_manifest(Storage& storage, std::string_view stream, Seq seq);

}  // namespace capstan
