// What a device is given for a snapshot: manifests, packed chunks, and what is in them.
//
//   input = u8 what, bytes
#include <capstan/engine/model/canonical.hpp>
#include <capstan/engine/model/model_update.hpp>
#include <capstan/engine/snapshot/folded_delta.hpp>
#include <capstan/engine/snapshot/manifest.hpp>
#include <capstan/engine/snapshot/packing.hpp>
#include <capstan/engine/snapshot/trail.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/snapshotter/past.hpp>

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

/// A model of a few objects with something of each kind of field.
Model small_model() {
    Model model;
    DeviceId device;
    device.bytes[0] = std::byte{1};
    std::uint64_t seq = 0;
    for (char const* id : {"a", "b"}) {
        Event event;
        event.ops = {
            {.kind = OpKind::insert, .object = id, .type = "Note"},
            {.object = id, .field = "title", .value = std::string("first")},
            {.kind = OpKind::set_add, .object = id, .field = "tags", .value = true},
            {.kind = OpKind::splice, .object = id, .field = "body", .value = std::string("text")}};
        ++seq;
        model.apply(event, {Seq{seq}, Seq{seq - 1}, Seq{seq}, Seq{}, device}, nullptr);
    }
    return model;
}

/// A delta that is no good leaves the model as it was.
void read_delta(ByteView bytes) {
    auto const delta = decode_delta(bytes);
    if (!delta) {
        return;
    }
    auto const again = encode_delta(delta.value());
    CAPSTAN_INVARIANT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
    auto model = small_model();
    auto const before = encode_window(model);
    if (!apply_delta(model, delta.value())) {
        CAPSTAN_INVARIANT(encode_window(model) == before);
    }
    model.check_invariants();
}

/// A patch of an object that is there, then a section with the facts of one.
void read_patch(ByteView bytes) {
    auto model = small_model();
    auto const before = model.state_hash();
    {
        ModelUpdate update(model);
        ByteReader in(bytes);
        if (update.patch(in.take(in.get<std::uint16_t>()))) {
            auto const window = read_window(in.rest());
            static_cast<void>(
                update.commit(window ? window.value() : WindowSection{Seq{9}, {}, {}}, 0));
        }
    }
    CAPSTAN_INVARIANT(model.state_hash() == before);
    model.check_invariants();
}

void read_beside(ByteView bytes) {
    static_cast<void>(read_past(bytes));
    static_cast<void>(read_visits(bytes));
    static_cast<void>(read_deaths(bytes));
    if (auto const trail = read_trail(bytes, Seq{5})) {
        Bytes again;
        append_trail(again, trail.value(), Seq{5});
        CAPSTAN_INVARIANT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    ByteView const bytes(reinterpret_cast<std::byte const*>(data) + 1, size - 1);
    switch (data[0] % 8) {
        case 0:
            read_manifest(bytes);
            break;
        case 1:
            read_sealed_manifest(bytes);
            break;
        case 2:
            read_packed(bytes);
            break;
        case 3:
            read_objects(bytes);
            break;
        case 4:
            read_delta(bytes);
            break;
        case 5:
            read_patch(bytes);
            break;
        default:
            read_beside(bytes);
            break;
    }
    return 0;
}
