#include <capstan/engine/snapshot/chunk.hpp>
#include <capstan/engine/snapshot/restore.hpp>
#include <utility>

namespace capstan {
namespace {

Result<> add_devices(Manifest const& manifest, ReadChunk const& read, ModelRestore& restore) {
    for (auto const& ref : manifest.device_chunks) {
        CAPSTAN_TRY(auto const chunk, read(ref));
        CAPSTAN_TRY(auto const ids, open_chunk(ChunkKind::devices, chunk));
        CAPSTAN_TRY(restore.devices(ids));
    }
    return success();
}

Result<> add_objects(Manifest const& manifest, ReadChunk const& read, ModelRestore& restore) {
    for (auto const& ref : manifest.object_chunks) {
        CAPSTAN_TRY(auto const chunk, read(ref.chunk));
        CAPSTAN_TRY(each_object(chunk, [&restore](ObjectHead const&, ByteView object) -> Result<> {
            return restore.object(object);
        }));
    }
    return success();
}

Result<std::vector<Counter>> all_counters(Manifest const& manifest, ReadChunk const& read) {
    std::vector<Counter> counters;
    for (auto const& ref : manifest.counter_chunks) {
        CAPSTAN_TRY(auto const chunk, read(ref));
        CAPSTAN_TRY(auto const some, read_counters(chunk));
        counters.insert(counters.end(), some.begin(), some.end());
    }
    return counters;
}

}  // namespace

Counter RestoredSnapshot::last_of(DeviceId const& device) const {
    auto const number = model.tables().devices.find(device);
    return number == kNoDevice ? Counter{} : counters[number];
}

Result<RestoredSnapshot> restore_snapshot(Manifest const& manifest, ReadChunk const& read) {
    ModelRestore restore;
    CAPSTAN_TRY(add_devices(manifest, read, restore));
    CAPSTAN_TRY(add_objects(manifest, read, restore));
    CAPSTAN_TRY(auto const chunk, read(manifest.window));
    CAPSTAN_TRY(auto const window, open_chunk(ChunkKind::window, chunk));
    RestoredSnapshot out;
    CAPSTAN_TRY(out.model, std::move(restore).finish(window));
    CAPSTAN_TRY(out.counters, all_counters(manifest, read));
    bool const same = out.model.state_hash() == manifest.state_hash &&
                      out.model.head() == manifest.seq && out.model.mark() == manifest.mark &&
                      out.model.size() == manifest.objects &&
                      out.model.tables().devices.size() == manifest.devices &&
                      out.counters.size() == manifest.devices;
    if (!same) {
        return Error{Errc::malformed,
                     "snapshot of " + manifest.stream + " at " +
                         std::to_string(manifest.seq.value) +
                         ": its parts make another model than its manifest says"};
    }
    return out;
}

}  // namespace capstan
