// What a device is given for a snapshot: manifests, packed chunks, and what is in them.
//
//   input = u8 what, bytes
#include <capstan/engine/model/canonical.hpp>
#include <capstan/engine/snapshot/manifest.hpp>
#include <capstan/engine/snapshot/packing.hpp>
#include <capstan/schema/hash.hpp>

namespace {

using namespace capstan;

void read_manifest(ByteView bytes) {
    if (auto const manifest = decode_manifest(bytes)) {
        auto const again = encode_manifest(manifest.value());
        CAPSTAN_INVARIANT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
    }
}

/// With the checksum that it should have, so that what is behind it is reached.
void read_sealed_manifest(ByteView bytes) {
    Bytes sealed(bytes.begin(), bytes.end());
    ByteWriter(sealed).put(hash64(bytes));
    read_manifest(sealed);
}

void read_packed(ByteView bytes) {
    ByteReader in(bytes);
    ChunkRef ref;
    ref.bytes = in.get<std::uint32_t>() % 1'000'000;
    if (auto const chunk = unpack_chunk(in.rest(), ref)) {
        CAPSTAN_INVARIANT(chunk_id(chunk.value()) == ref.id);
    }
}

void read_objects(ByteView bytes) {
    ModelRestore restore;
    static_cast<void>(restore.devices(Bytes(sizeof(DeviceId))));
    auto const read = each_object(bytes, [&](ObjectHead const&, ByteView object) -> Result<> {
        return restore.object(object);
    });
    if (read) {
        static_cast<void>(std::move(restore).finish(kSeqMax, Seq{}));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    ByteView const bytes(reinterpret_cast<std::byte const*>(data) + 1, size - 1);
    switch (data[0] % 4) {
        case 0:
            read_manifest(bytes);
            break;
        case 1:
            read_sealed_manifest(bytes);
            break;
        case 2:
            read_packed(bytes);
            break;
        default:
            read_objects(bytes);
            break;
    }
    return 0;
}
