// A model taken apart into canonical bytes, and put together again.
#pragma once
#include <capstan/engine/model.hpp>

namespace capstan::test {

struct ModelParts {
    Bytes devices;
    std::vector<Bytes> objects;  // by id
    Bytes window;
    friend bool operator==(ModelParts const&, ModelParts const&) = default;
};

inline ModelParts take_apart(Model const& model) {
    ModelParts parts;
    parts.devices = encode_devices(model.tables().devices);
    KeyRanges const by_id(model);
    for (Object const* object : by_id.objects()) {
        append_object(parts.objects.emplace_back(), *object, model.tables());
    }
    parts.window = encode_window(model);
    return parts;
}

inline Result<Model> put_together(ModelParts const& parts,
                                  Model::Collect collect = Model::Collect::as_applied) {
    ModelRestore restore(collect);
    CAPSTAN_TRY(restore.devices(parts.devices));
    for (Bytes const& object : parts.objects) {
        CAPSTAN_TRY(restore.object(object));
    }
    return std::move(restore).finish(parts.window);
}

}  // namespace capstan::test
