#pragma once
#include <capstan/engine/snapshot/manifest.hpp>
#include <capstan/snapshotter/chunker.hpp>
#include <capstan/snapshotter/past.hpp>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>

namespace capstan {

/// Chunks of some neighbouring objects, or bytes of one.
struct TrailedBytes {
    Bytes object;
    Bytes trail;
};

/// New bytes of objects by id; nothing: the object is gone, or still not there.
using ObjectChanges = std::map<std::string, std::optional<TrailedBytes>>;

/// Merges changes into the chunks of the snapshot before. A chunk that no change falls into and
/// that begins where a new one would is kept unread.
class ObjectMerge {
  public:
    using Read = std::function<Result<TrailedBytes>(std::size_t)>;
    using Write = std::function<Result<>(ObjectChunk const&)>;
    using Keep = std::function<void(std::size_t)>;

    /// `before` and `changes` outlive it. Chunks of `before` are told by their place.
    ObjectMerge(std::span<ObjectChunkRef const> before,
                ObjectChanges const& changes,
                Read read,
                Write write,
                Keep keep)
        : before_(before),
          changes_(changes),
          at_(changes.begin()),
          read_(std::move(read)),
          write_(std::move(write)),
          keep_(std::move(keep)) {}

    Result<> run();

  private:
    Result<> merge(std::size_t chunk, std::string const* end);
    Result<> add_changes_before(std::string_view id);
    Result<> add_changes_until(std::string const* end);
    Result<> add_change();
    Result<> add(ObjectHead const& head, ByteView object, ByteView trail);

    std::span<ObjectChunkRef const> before_;
    ObjectChanges const& changes_;
    ObjectChanges::const_iterator at_;  // the next change
    Chunker chunker_;
    Read read_;
    Write write_;
    Keep keep_;
};

}  // namespace capstan
