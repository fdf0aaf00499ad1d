// A manifest, little-endian:
//
//   manifest = "CAPSNAP" version:u8 rules:u32 stream:name8 generation:u64 seq:u64 chain:hash128
//              mark:u64 state_hash:u64 devices:u64 event_bytes:u64
//              count:u32 ref{count}              device chunks
//              ref{count}                        counters, one chunk for each of those
//              count:u32 objects_ref{count}
//              ref                               window
//              ref                               past
//              u64                               XXH3-64 of all before
//   ref         = id:32 bytes:u32 packed_bytes:u32
//   objects_ref = ref objects:u32 max_seq:u64 policies:u8 first:name8 last:name8
//   name8       = length:u8 bytes
#include <algorithm>
#include <capstan/engine/snapshot/manifest.hpp>
#include <capstan/schema/limits.hpp>

namespace capstan {
namespace {

constexpr std::string_view kMagic = "CAPSNAP";
constexpr std::uint8_t kVersion = 2;
constexpr std::size_t kRefBytes = 40;
constexpr std::size_t kObjectsRefBytesMin = kRefBytes + 4 + 8 + 1 + 2 * 2;

void put_name(ByteWriter& out, std::string_view name) {
    out.put(static_cast<std::uint8_t>(name.size())).put(name);
}

void put_ref(ByteWriter& out, ChunkRef const& ref) {
    out.put(ByteView(ref.id.bytes)).put(ref.bytes).put(ref.packed_bytes);
}

class ManifestReader {
  public:
    explicit ManifestReader(ByteView bytes) : in_(bytes) {}
    Manifest read();
    bool done() const { return ok_ && in_.done(); }

  private:
    std::string name() { return std::string(as_text(in_.take(in_.get<std::uint8_t>()))); }
    std::uint64_t number() { return in_.get<std::uint64_t>(); }
    std::size_t count(std::size_t bytes_each) {
        std::size_t const count = in_.get<std::uint32_t>();
        require(count <= in_.rest().size() / bytes_each);
        return ok_ ? count : 0;
    }
    ChunkRef ref();
    std::vector<ChunkRef> refs(std::size_t count);
    ObjectChunkRef objects_ref();
    void require(bool condition) { ok_ = ok_ && condition; }
    void check(Manifest const& manifest);

    ByteReader in_;
    bool ok_ = true;
};

ChunkRef ManifestReader::ref() {
    ChunkRef ref;
    if (auto const id = in_.take(ref.id.bytes.size()); !id.empty()) {
        std::ranges::copy(id, ref.id.bytes.begin());
    }
    ref.bytes = in_.get<std::uint32_t>();
    ref.packed_bytes = in_.get<std::uint32_t>();
    require(ref.bytes > 0 && ref.bytes <= kChunkBytesMax && ref.packed_bytes > 0);
    return ref;
}

std::vector<ChunkRef> ManifestReader::refs(std::size_t count) {
    std::vector<ChunkRef> refs;
    for (; count > 0; --count) {
        refs.push_back(ref());
    }
    return refs;
}

ObjectChunkRef ManifestReader::objects_ref() {
    ObjectChunkRef ref;
    ref.chunk = this->ref();
    ref.objects = in_.get<std::uint32_t>();
    ref.max_seq = Seq{number()};
    auto const policies = in_.get<std::uint8_t>();
    require(policies <= 1);
    ref.policies = policies == 1;
    ref.first = name();
    ref.last = name();
    require(ref.objects > 0 && !ref.first.empty() &&
            (ref.objects == 1 ? ref.first == ref.last : ref.first < ref.last));
    return ref;
}

Manifest ManifestReader::read() {
    Manifest manifest;
    manifest.rules = in_.get<std::uint32_t>();
    manifest.stream = name();
    manifest.generation = Generation{number()};
    manifest.seq = Seq{number()};
    manifest.chain = in_.get_hash();
    manifest.mark = Seq{number()};
    manifest.state_hash = number();
    manifest.devices = number();
    manifest.event_bytes = number();
    auto const device_chunks = count(2 * kRefBytes);
    manifest.device_chunks = refs(device_chunks);
    manifest.counter_chunks = refs(device_chunks);
    for (auto left = count(kObjectsRefBytesMin); left > 0; --left) {
        manifest.object_chunks.push_back(objects_ref());
        manifest.objects += manifest.object_chunks.back().objects;
    }
    manifest.window = ref();
    manifest.past = ref();
    check(manifest);
    return manifest;
}

void ManifestReader::check(Manifest const& manifest) {
    require(!manifest.stream.empty() && manifest.generation.value != 0);
    require(manifest.seq <= kSeqMax && (manifest.mark < manifest.seq || manifest.mark.value == 0));
    require(manifest.device_chunks.size() ==
            manifest.devices / kChunkDevices + (manifest.devices % kChunkDevices == 0 ? 0 : 1));
    Seq last_change;
    std::string before;
    for (auto const& ref : manifest.object_chunks) {
        require(before < ref.first);
        before = ref.last;
        last_change = std::max(last_change, ref.max_seq);
    }
    require(last_change <= manifest.seq);
}

}  // namespace

std::vector<ChunkRef> Manifest::chunks() const {
    std::vector<ChunkRef> all = device_chunks;
    all.insert(all.end(), counter_chunks.begin(), counter_chunks.end());
    for (auto const& ref : object_chunks) {
        all.push_back(ref.chunk);
    }
    all.push_back(window);
    return all;
}

std::uint64_t Manifest::packed_bytes() const {
    std::uint64_t bytes = 0;
    for (auto const& ref : chunks()) {
        bytes += ref.packed_bytes;
    }
    return bytes;
}

Bytes encode_manifest(Manifest const& manifest) {
    Bytes bytes;
    ByteWriter out(bytes);
    out.put(kMagic).put(kVersion).put(manifest.rules);
    put_name(out, manifest.stream);
    out.put(manifest.generation.value).put(manifest.seq.value).put(manifest.chain);
    out.put(manifest.mark.value).put(manifest.state_hash).put(manifest.devices);
    out.put(manifest.event_bytes);
    CAPSTAN_INVARIANT(manifest.device_chunks.size() == manifest.counter_chunks.size());
    out.put(static_cast<std::uint32_t>(manifest.device_chunks.size()));
    for (auto const* refs : {&manifest.device_chunks, &manifest.counter_chunks}) {
        for (auto const& ref : *refs) {
            put_ref(out, ref);
        }
    }
    out.put(static_cast<std::uint32_t>(manifest.object_chunks.size()));
    for (auto const& ref : manifest.object_chunks) {
        put_ref(out, ref.chunk);
        out.put(ref.objects).put(ref.max_seq.value);
        out.put(static_cast<std::uint8_t>(ref.policies ? 1 : 0));
        put_name(out, ref.first);
        put_name(out, ref.last);
    }
    put_ref(out, manifest.window);
    put_ref(out, manifest.past);
    out.put(hash64(bytes));
    return bytes;
}

Result<Manifest> decode_manifest(ByteView bytes) {
    ByteReader front(bytes);
    auto const magic = as_text(front.take(kMagic.size()));
    auto const version = front.get<std::uint8_t>();
    if (magic != kMagic) {
        return Error{Errc::malformed, "manifest: no manifest"};
    }
    if (version != kVersion) {
        return Error{Errc::format_unknown, "manifest of version " + std::to_string(version)};
    }
    if (bytes.size() < kMagic.size() + 1 + sizeof(std::uint64_t)) {
        return Error{Errc::malformed, "manifest: cut"};
    }
    auto const body = bytes.first(bytes.size() - sizeof(std::uint64_t));
    if (hash64(body) != load<std::uint64_t>(bytes.data() + body.size())) {
        return Error{Errc::malformed, "manifest: damaged"};
    }
    ManifestReader in(body.subspan(kMagic.size() + 1));
    auto manifest = in.read();
    if (!in.done()) {
        return Error{Errc::malformed, "manifest: impossible values"};
    }
    return manifest;
}

}  // namespace capstan
