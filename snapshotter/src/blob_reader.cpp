#include "blob_reader.hpp"

#include <capstan/engine/snapshot/packing.hpp>
#include <capstan/schema/limits.hpp>
#include <capstan/snapshotter/delta.hpp>
#include <capstan/snapshotter/store.hpp>
#include <utility>

namespace capstan {
namespace {

Result<Bytes> checked_manifest(Storage& storage,
                               std::string const& stream,
                               ChunkId const& id,
                               Seq seq) {
    CAPSTAN_TRY(auto manifest, read_manifest(storage, stream, seq));
    if (chunk_id(manifest) != id) {
        return Error{Errc::index_damaged, "manifest of " + stream + ": damaged"};
    }
    return manifest;
}

Result<FoldedBytes> fold_to(
    Storage& storage, std::string const& stream, Seq from, ChunkId const& id, Seq seq) {
    CAPSTAN_TRY(auto const encoded, checked_manifest(storage, stream, id, seq));
    CAPSTAN_TRY(auto const manifest, decode_manifest(encoded));
    CAPSTAN_TRY(auto const delta, make_delta(storage, manifest, from));
    auto const bytes = encode_delta(delta);
    if (bytes.size() > kChunkBytesMax) {
        return Error{Errc::too_large, "a folded delta of " + std::to_string(bytes.size())};
    }
    auto packed = std::make_shared<Bytes const>(pack_chunk(bytes));
    ChunkRef const ref{chunk_id(bytes),
                       static_cast<std::uint32_t>(bytes.size()),
                       static_cast<std::uint32_t>(packed->size())};
    return FoldedBytes{manifest.generation, seq, manifest.chain, ref, std::move(packed)};
}

/// What is stored and cannot be read is damaged, whoever finds it.
template <class T>
Result<T> as_damage(Result<T> result) {
    return !result && result.error().code == Errc::malformed
               ? Result<T>(Error{Errc::index_damaged, result.error().detail})
               : std::move(result);
}

}  // namespace

void BlobReader::read(std::string_view stream,
                      ChunkId const& id,
                      std::optional<Seq> manifest_at,
                      OnBytes done) {
    Key key{std::string(stream), id, Seq{}};
    auto const read = [this, key, manifest_at]() -> Result<FoldedBytes> {
        CAPSTAN_TRY(auto bytes,
                    manifest_at ? checked_manifest(storage_, key.stream, key.id, *manifest_at)
                                : read_packed_chunk(storage_, key.stream, key.id));
        FoldedBytes blob;
        blob.packed = std::make_shared<Bytes const>(std::move(bytes));
        return blob;
    };
    get(std::move(key), read, [done = std::move(done)](Result<FoldedBytes> const& blob) {
        done(blob ? Result<SharedBytes>(blob.value().packed) : blob.error());
    });
}

void BlobReader::fold(
    std::string_view stream, Seq from, ChunkId const& manifest, Seq seq, OnFolded done) {
    Key key{std::string(stream), manifest, from};
    auto const read = [this, key, seq] {
        return as_damage(fold_to(storage_, key.stream, key.from, key.id, seq));
    };
    get(std::move(key), read, std::move(done));
}

void BlobReader::get(Key key, Read read, OnBlob done) {
    if (auto const kept = kept_.find(key); kept != kept_.end()) {
        ++hits_;
        return done(kept->second);
    }
    auto& asked = asked_[key];
    asked.push_back(std::move(done));
    if (asked.size() > 1) {
        return;
    }
    ++reads_;
    reader_.post([this, key = std::move(key), read = std::move(read)] {
        strand_.post([this, key, blob = read()] { answer(key, blob); });
    });
}

void BlobReader::answer(Key const& key, Result<FoldedBytes> const& blob) {
    auto const asked = asked_.extract(key);
    if (blob) {
        keep(key, blob.value());
    }
    for (auto const& done : asked.mapped()) {
        done(blob);
    }
}

void BlobReader::keep(Key const& key, FoldedBytes const& blob) {
    kept_.emplace(key, blob);
    oldest_.push_back(key);
    bytes_ += blob.packed->size();
    while (bytes_ > bytes_max_) {
        auto const gone = kept_.extract(oldest_.front());
        oldest_.pop_front();
        bytes_ -= gone ? gone.mapped().packed->size() : 0;
    }
}

void BlobReader::forget(std::string_view stream) {
    std::erase_if(oldest_, [&](Key const& key) { return key.stream == stream; });
    std::erase_if(kept_, [&](auto const& one) {
        bool const gone = one.first.stream == stream;
        bytes_ -= gone ? one.second.packed->size() : 0;
        return gone;
    });
}

}  // namespace capstan
