// Canonical bytes of a model: any bytes are refused or are the only form of what they say.
//
//   input = u16 size of the device table, u16 size of the objects, device table,
//           objects (u16 size, bytes), window section
#include <algorithm>
#include <capstan/engine/model.hpp>

#include "model_parts.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

ModelParts parts_of(ByteView input) {
    ByteReader in(input);
    auto const devices = in.get<std::uint16_t>();
    auto const objects_bytes = in.get<std::uint16_t>();
    auto const copy = [](ByteView bytes) { return Bytes(bytes.begin(), bytes.end()); };
    ModelParts parts;
    parts.devices = copy(in.take(devices));
    ByteReader objects(in.take(objects_bytes));
    while (objects.ok() && !objects.rest().empty()) {
        parts.objects.push_back(copy(objects.take(objects.get<std::uint16_t>())));
    }
    parts.window = copy(in.rest());
    return parts;
}

/// What is merged with the facts above the mark has to stand on sound ones.
void go_on(Model& model) {
    std::vector<std::string> ids;
    for (std::uint32_t slot = 0; slot < model.objects().slots_end(); ++slot) {
        ids.push_back(model.objects().at(slot).id);
    }
    for (auto const& id : ids) {
        if (id.empty() || model.head() >= Seq{kSeqMax.value - 4}) {
            continue;
        }
        for (auto const kind : {OpKind::set, OpKind::remove, OpKind::insert}) {
            Event const event{{{.kind = kind, .object = id, .field = "f", .type = "T"}}, {}};
            auto const seq = model.head().next();
            model.apply(event, {seq, {}, seq, model.mark(), DeviceId{}}, nullptr);
        }
    }
    model.collect();
    model.check_invariants();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto parts = parts_of({reinterpret_cast<std::byte const*>(data), size});
    for (Bytes const& object : parts.objects) {
        static_cast<void>(read_object_head(object));
    }
    auto model = put_together(parts);
    if (!model) {
        return 0;
    }
    model.value().check_invariants();
    auto again = take_apart(model.value());
    std::ranges::sort(parts.objects);
    std::ranges::sort(again.objects);
    CAPSTAN_INVARIANT(again == parts);
    go_on(model.value());
    return 0;
}
