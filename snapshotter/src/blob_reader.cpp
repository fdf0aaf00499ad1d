#include "blob_reader.hpp"

#include <capstan/engine/snapshot/packing.hpp>
#include <capstan/snapshotter/store.hpp>

namespace capstan {
namespace {

Result<Bytes> read_blob(Storage& storage,
                        std::string const& stream,
                        ChunkId const& id,
                        std::optional<Seq> manifest_at) {
    if (!manifest_at) {
        return read_packed_chunk(storage, stream, id);
    }
    CAPSTAN_TRY(auto manifest, read_manifest(storage, stream, *manifest_at));
    if (chunk_id(manifest) != id) {
        return Error{Errc::index_damaged, "manifest of " + stream + ": damaged"};
    }
    return manifest;
}

}  // namespace

void BlobReader::read(std::string_view stream,
                      ChunkId const& id,
                      std::optional<Seq> manifest_at,
                      OnBytes done) {
    Key key{stream, id};
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
    reader_.post([this, key = std::move(key), manifest_at] {
        auto blob = read_blob(storage_, key.first, key.second, manifest_at);
        auto shared =
            blob ? Result<SharedBytes>(std::make_shared<Bytes const>(std::move(blob).value()))
                 : blob.error();
        strand_.post([this, key, shared = std::move(shared)] { answer(key, shared); });
    });
}

void BlobReader::answer(Key const& key, Result<SharedBytes> const& bytes) {
    auto const asked = asked_.extract(key);
    if (bytes) {
        keep(key, bytes.value());
    }
    for (auto const& done : asked.mapped()) {
        done(bytes);
    }
}

void BlobReader::keep(Key const& key, SharedBytes const& bytes) {
    kept_.emplace(key, bytes);
    oldest_.push_back(key);
    bytes_ += bytes->size();
    while (bytes_ > bytes_max_) {
        auto const gone = kept_.extract(oldest_.front());
        oldest_.pop_front();
        bytes_ -= gone ? gone.mapped()->size() : 0;
    }
}

void BlobReader::forget(std::string_view stream) {
    std::erase_if(oldest_, [&](Key const& key) { return key.first == stream; });
    std::erase_if(kept_, [&](auto const& one) {
        bool const gone = one.first.first == stream;
        bytes_ -= gone ? one.second->size() : 0;
        return gone;
    });
}

}  // namespace capstan
