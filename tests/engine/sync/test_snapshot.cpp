#include "test_snapshot.hpp"

#include <algorithm>
#include <capstan/engine/model/canonical.hpp>
#include <capstan/engine/model/key_ranges.hpp>
#include <capstan/engine/model/model.hpp>
#include <capstan/schema/hash.hpp>

namespace capstan::test {
namespace {

constexpr std::byte kPlain{'p'};

ChunkId plain_id(ByteView bytes) {
    auto const hash = hash128(bytes);
    ChunkId id;
    store(id.bytes.data(), hash.low);
    store(id.bytes.data() + 8, hash.high);
    return id;
}

Result<Bytes> plain_content(ByteView packed, ChunkRef const& ref) {
    bool const good = packed.size() == ref.bytes + 1 && packed[0] == kPlain &&
                      plain_id(packed.subspan(1)) == ref.id;
    return good ? Result<Bytes>(Bytes(packed.begin() + 1, packed.end()))
                : Error{Errc::malformed, "chunk: damaged"};
}

ChunkRef add(TestSnapshot& snapshot, Bytes const& chunk) {
    auto packed = plain_packed(chunk);
    ChunkRef const ref{plain_id(chunk),
                       static_cast<std::uint32_t>(chunk.size()),
                       static_cast<std::uint32_t>(packed.size())};
    snapshot.chunks[ref.id] = std::move(packed);
    return ref;
}

void add_objects(TestSnapshot& snapshot, Model const& model, std::size_t chunk_objects) {
    KeyRanges const by_id(model);
    auto const objects = by_id.objects();
    for (std::size_t first = 0; first < objects.size(); first += chunk_objects) {
        auto const count = std::min(chunk_objects, objects.size() - first);
        ObjectChunkRef ref{.first = objects[first]->id,
                           .last = objects[first + count - 1]->id,
                           .objects = static_cast<std::uint32_t>(count)};
        Bytes body;
        for (auto const* object : std::span(objects).subspan(first, count)) {
            Bytes bytes;
            append_object(bytes, *object, model.tables());
            ByteWriter(body).put(static_cast<std::uint32_t>(bytes.size())).put(ByteView(bytes));
            ref.max_seq = std::max(ref.max_seq, last_changed(*object));
        }
        ref.chunk = add(snapshot, make_chunk(ChunkKind::objects, body));
        snapshot.manifest.objects += ref.objects;
        snapshot.manifest.object_chunks.push_back(std::move(ref));
    }
}

}  // namespace

TestSnapshot snapshot_of(Model const& model,
                         Manifest where,
                         std::span<Counter const> counters,
                         std::size_t chunk_objects) {
    TestSnapshot snapshot;
    auto& manifest = snapshot.manifest;
    manifest = std::move(where);
    manifest.mark = model.mark();
    manifest.state_hash = model.state_hash();
    manifest.devices = model.tables().devices.size();
    auto const ids = encode_devices(model.tables().devices);
    manifest.device_chunks = {add(snapshot, make_chunk(ChunkKind::devices, ids))};
    manifest.counter_chunks = {add(snapshot, make_counters(counters))};
    add_objects(snapshot, model, chunk_objects);
    manifest.window = add(snapshot, make_chunk(ChunkKind::window, encode_window(model)));
    manifest.past = {plain_id(as_bytes("past")), 4, 5};  // devices are not given it
    snapshot.encoded = encode_manifest(manifest);
    snapshot.id = plain_id(snapshot.encoded);
    return snapshot;
}

Bytes plain_packed(ByteView bytes) {
    Bytes packed{kPlain};
    packed.insert(packed.end(), bytes.begin(), bytes.end());
    return packed;
}

sync::ChunkCodec plain_codec() {
    return {.id = plain_id, .unpack = plain_content};
}

}  // namespace capstan::test
