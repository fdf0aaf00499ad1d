#include <algorithm>
#include <capstan/engine/runtime/storage.hpp>
#include <capstan/engine/snapshot/packing.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/snapshotter/store.hpp>

namespace capstan {
namespace {

constexpr std::string_view kNew = "new";
constexpr std::size_t kKeyDigits = 32;
constexpr std::size_t kSeqDigits = 16;

std::string hex(std::uint64_t value) {
    std::string out(kSeqDigits, '0');
    for (std::size_t i = kSeqDigits; value != 0; value >>= 4) {
        out[--i] = "0123456789abcdef"[value & 15];
    }
    return out;
}

std::string key_of(std::string_view stream) {
    auto const hash = hash128(as_bytes(stream));
    return hex(hash.high) + hex(hash.low);
}

std::string manifest_name(std::string_view key, Seq seq) {
    return "m-" + std::string(key) + "-" + hex(seq.value);
}

std::string chunk_name(std::string_view key, ChunkId const& id) {
    return "c-" + std::string(key) + "-" + to_string(id);
}

/// The stream's key and the chunk that a file's name is about.
std::optional<std::pair<std::string, ChunkId>> parse_chunk_name(std::string_view name) {
    if (name.size() < 3 + kKeyDigits || !name.starts_with("c-") || name[2 + kKeyDigits] != '-') {
        return std::nullopt;
    }
    auto const id = parse_chunk_id(name.substr(3 + kKeyDigits));
    if (!id) {
        return std::nullopt;
    }
    return std::pair(std::string(name.substr(2, kKeyDigits)), *id);
}

Error not_there(std::string_view stream, ChunkId const& id) {
    return {Errc::not_found, "stream " + std::string(stream) + " has no chunk " + to_string(id)};
}

Error damaged(std::string_view stream, Error const& why) {
    return {Errc::index_damaged, "snapshot of " + std::string(stream) + ": " + why.detail};
}

/// Ids of all chunks of a snapshot, sorted.
std::vector<ChunkId> all_chunks(Manifest const& manifest, Past const& past) {
    std::vector<ChunkId> ids{manifest.past.id};
    for (auto const& refs : {manifest.chunks(), past.chunks()}) {
        for (auto const& ref : refs) {
            ids.push_back(ref.id);
        }
    }
    std::ranges::sort(ids);
    return ids;
}

Result<Bytes> read(Storage& storage, std::string const& name) {
    CAPSTAN_TRY(auto const file, storage.open(name, OpenMode::read));
    CAPSTAN_TRY(auto const size, file->size());
    if (size > kChunkBytesMax) {
        return Error{Errc::index_damaged, name + " has " + std::to_string(size) + " bytes"};
    }
    Bytes bytes(static_cast<std::size_t>(size));
    CAPSTAN_TRY(auto const read, file->pread(bytes, 0));
    bytes.resize(read);
    return bytes;
}

/// Which chunks there are of a snapshot is told by it.
Result<Past> read_past_of(Storage& storage, std::string_view key, Manifest const& manifest) {
    CAPSTAN_TRY(auto const packed, read(storage, chunk_name(key, manifest.past.id)));
    CAPSTAN_TRY(auto const bytes, unpack_chunk(packed, manifest.past));
    return read_past(bytes);
}

}  // namespace

Result<SnapshotStore> SnapshotStore::open(Storage& storage) {
    SnapshotStore store(storage);
    CAPSTAN_TRY(auto const names, storage.list());
    for (auto const& name : names) {
        if (name.starts_with("m-")) {
            CAPSTAN_TRY(store.read_manifest(name));
        }
    }
    for (auto const& name : names) {
        if (auto const chunk = parse_chunk_name(name)) {
            CAPSTAN_TRY(auto const file, storage.open(name, OpenMode::read));
            CAPSTAN_TRY(auto const bytes, file->size());
            store.files_[chunk->first].chunks.emplace(chunk->second,
                                                      static_cast<std::uint32_t>(bytes));
        } else if (name == kNew) {
            CAPSTAN_TRY(storage.remove(name));
        }
    }
    for (auto& [key, files] : store.files_) {
        CAPSTAN_TRY(store.drop_incomplete(key, files));
        CAPSTAN_TRY(store.collect(key, files));
    }
    std::erase_if(store.files_, [](auto const& one) { return one.second.manifests.empty(); });
    CAPSTAN_TRY(storage.sync());
    return store;
}

/// A snapshot that lacks a chunk is none.
Result<> SnapshotStore::drop_incomplete(std::string const& key, Files& files) {
    for (auto at = files.manifests.begin(); at != files.manifests.end();) {
        bool const whole = std::ranges::all_of(
            at->chunks, [&](ChunkId const& id) { return files.chunks.contains(id); });
        if (!whole) {
            CAPSTAN_TRY(remove_file(manifest_name(key, at->seq)));
        }
        at = whole ? std::next(at) : files.manifests.erase(at);
    }
    return success();
}

/// A damaged manifest is as good as none: the snapshot before it, or the tape, takes its place.
Result<> SnapshotStore::read_manifest(std::string const& name) {
    CAPSTAN_TRY(auto const bytes, read(*storage_, name));
    auto const manifest = decode_manifest(bytes);
    auto const key = manifest ? key_of(manifest.value().stream) : std::string();
    if (!manifest || manifest_name(key, manifest.value().seq) != name) {
        return storage_->remove(name);
    }
    // Without a readable past the model is still of use; what is built on it begins anew.
    auto const past = read_past_of(*storage_, key, manifest.value());
    Files& files = files_[key];
    files.stream = manifest.value().stream;
    files.manifests.push_back(  // names sort by seq
        {manifest.value().seq, all_chunks(manifest.value(), past ? past.value() : Past{})});
    return success();
}

/// What is gone already is as good as removed.
Result<> SnapshotStore::remove_file(std::string const& name) {
    auto removed = storage_->remove(name);
    return !removed && removed.error().code == Errc::not_found ? Result<>(success()) : removed;
}

Result<> SnapshotStore::write(std::string const& name, ByteView bytes) {
    CAPSTAN_TRY(remove_file(std::string(kNew)));
    {
        CAPSTAN_TRY(auto const file, storage_->open(kNew, OpenMode::create));
        CAPSTAN_TRY(file->pwrite(bytes, 0));
        CAPSTAN_TRY(file->datasync());
    }
    return storage_->rename(kNew, name);
}

SnapshotStore::Files const* SnapshotStore::find(std::string_view stream) const {
    auto const at = files_.find(key_of(stream));
    return at == files_.end() || at->second.stream != stream ? nullptr : &at->second;
}

Result<std::optional<Manifest>> SnapshotStore::newest(std::string_view stream) {
    auto const* const files = find(stream);
    if (files == nullptr || files->manifests.empty()) {
        return std::optional<Manifest>();
    }
    auto const name = manifest_name(key_of(stream), files->manifests.back().seq);
    CAPSTAN_TRY(auto const bytes, read(*storage_, name));
    auto manifest = decode_manifest(bytes);
    if (!manifest || manifest.value().stream != stream) {
        CAPSTAN_TRY(remove(stream));
        return damaged(stream, {Errc::malformed, name});
    }
    return std::optional(std::move(manifest).value());
}

std::vector<std::pair<std::string, Seq>> SnapshotStore::list() const {
    std::vector<std::pair<std::string, Seq>> out;
    for (auto const& [key, files] : files_) {
        if (!files.manifests.empty()) {
            out.emplace_back(files.stream, files.manifests.back().seq);
        }
    }
    std::ranges::sort(out);
    return out;
}

bool SnapshotStore::has_chunk(std::string_view stream, ChunkId const& id) const {
    auto const* const files = find(stream);
    return files != nullptr && files->chunks.contains(id);
}

Result<Bytes> SnapshotStore::chunk(std::string_view stream, ChunkRef const& ref) {
    if (!has_chunk(stream, ref.id)) {
        return not_there(stream, ref.id);
    }
    auto const key = key_of(stream);
    CAPSTAN_TRY(auto const packed, read(*storage_, chunk_name(key, ref.id)));
    auto bytes = unpack_chunk(packed, ref);
    if (!bytes) {
        CAPSTAN_TRY(remove_file(chunk_name(key, ref.id)));
        files_.at(key).chunks.erase(ref.id);
        return damaged(stream, bytes.error());
    }
    return bytes;
}

Result<SnapshotStore::Put> SnapshotStore::put_chunk(std::string_view stream, ByteView bytes) {
    if (bytes.size() > kChunkBytesMax) {
        return Error{Errc::too_large, "a chunk of " + std::to_string(bytes.size()) + " bytes"};
    }
    auto const key = key_of(stream);
    Files& files = files_[key];
    if (files.stream.empty()) {
        files.stream = stream;
    }
    if (files.stream != stream) {
        return Error{Errc::internal, files.stream + " has the same hash of its name"};
    }
    Put put{{chunk_id(bytes), static_cast<std::uint32_t>(bytes.size()), 0}};
    if (auto const at = files.chunks.find(put.ref.id); at != files.chunks.end()) {
        put.ref.packed_bytes = at->second;
        return put;
    }
    auto const packed = pack_chunk(bytes);
    CAPSTAN_TRY(write(chunk_name(key, put.ref.id), packed));
    put.ref.packed_bytes = static_cast<std::uint32_t>(packed.size());
    put.written = true;
    files.chunks.emplace(put.ref.id, put.ref.packed_bytes);
    return put;
}

Result<> SnapshotStore::publish(Manifest const& manifest, Past const& past) {
    auto const key = key_of(manifest.stream);
    Files& files = files_[key];
    CAPSTAN_INVARIANT(files.manifests.empty() || files.manifests.back().seq < manifest.seq);
    Named named{manifest.seq, all_chunks(manifest, past)};
    for (auto const& id : named.chunks) {
        if (!files.chunks.contains(id)) {  // it was damaged, and removed meanwhile
            return damaged(manifest.stream, not_there(manifest.stream, id));
        }
    }
    CAPSTAN_TRY(storage_->sync());  // the chunks have their names before the manifest has its own
    CAPSTAN_TRY(write(manifest_name(key, manifest.seq), encode_manifest(manifest)));
    files.manifests.push_back(std::move(named));
    CAPSTAN_TRY(storage_->sync());
    return collect(key, files);
}

/// Manifests go before what they name, so that none is ever left without its chunks.
Result<> SnapshotStore::collect(std::string const& key, Files& files) {
    while (files.manifests.size() > kKept) {
        CAPSTAN_TRY(remove_file(manifest_name(key, files.manifests.front().seq)));
        files.manifests.erase(files.manifests.begin());
    }
    CAPSTAN_TRY(storage_->sync());
    for (auto at = files.chunks.begin(); at != files.chunks.end();) {
        bool const wanted = std::ranges::any_of(files.manifests, [&](Named const& one) {
            return std::ranges::binary_search(one.chunks, at->first);
        });
        if (!wanted) {
            CAPSTAN_TRY(remove_file(chunk_name(key, at->first)));
        }
        at = wanted ? std::next(at) : files.chunks.erase(at);
    }
    return success();
}

Result<> SnapshotStore::remove(std::string_view stream) {
    auto const key = key_of(stream);
    auto const at = files_.find(key);
    if (at == files_.end() || at->second.stream != stream) {
        return success();
    }
    for (auto const& named : at->second.manifests) {
        CAPSTAN_TRY(remove_file(manifest_name(key, named.seq)));
    }
    at->second.manifests.clear();
    CAPSTAN_TRY(collect(key, at->second));
    files_.erase(at);
    return success();
}

Result<Bytes> read_packed_chunk(Storage& storage, std::string_view stream, ChunkId const& id) {
    CAPSTAN_TRY(auto packed, read(storage, chunk_name(key_of(stream), id)));
    if (auto const good = check_chunk(packed, id); !good) {
        return damaged(stream, good.error());
    }
    return packed;
}

Result<Bytes> read_manifest(Storage& storage, std::string_view stream, Seq seq) {
    return read(storage, manifest_name(key_of(stream), seq));
}

}  // namespace capstan
