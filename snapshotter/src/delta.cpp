#include <capstan/engine/snapshot/packing.hpp>
#include <capstan/snapshotter/delta.hpp>
#include <capstan/snapshotter/past.hpp>
#include <capstan/snapshotter/store.hpp>
#include <utility>

namespace capstan {
namespace {

using Ids = std::set<std::string, std::less<>>;

class DeltaBuild {
  public:
    DeltaBuild(Storage& storage, Manifest const& manifest, Seq from, DeltaFigures& figures)
        : storage_(storage), manifest_(manifest), from_(from), figures_(figures) {}

    Result<FoldedDelta> run();

  private:
    Result<Bytes> read(ChunkRef const& ref);
    Result<> add_devices(std::vector<DevicesPast> const& past);
    Result<> add_devices(std::size_t chunk, ChunkRef const& visits);
    Result<Ids> deaths(Past const& past);
    Result<> add_objects(std::size_t chunk, ObjectsPast const& past);

    Storage& storage_;
    Manifest const& manifest_;
    Seq from_;
    DeltaFigures& figures_;
    FoldedDelta delta_;
    Ids changed_;
};

Result<Bytes> DeltaBuild::read(ChunkRef const& ref) {
    CAPSTAN_TRY(auto const packed, read_packed_chunk(storage_, manifest_.stream, ref.id));
    ++figures_.chunks_read;
    figures_.bytes_read += ref.bytes;
    auto bytes = unpack_chunk(packed, ref);
    return bytes ? bytes : Error{Errc::index_damaged, bytes.error().detail};
}

Result<FoldedDelta> DeltaBuild::run() {
    CAPSTAN_TRY(auto const past_chunk, read(manifest_.past));
    CAPSTAN_TRY(auto const past, read_past(past_chunk));
    if (past.objects.size() != manifest_.object_chunks.size() ||
        past.devices.size() != manifest_.device_chunks.size()) {
        return Error{Errc::index_damaged, "snapshot of " + manifest_.stream + ": another past"};
    }
    if (past.deaths_after > from_) {
        return Error{Errc::trimmed,
                     "objects that went up to " + std::to_string(past.deaths_after.value) +
                         " are forgotten"};
    }
    delta_ = {.stream = manifest_.stream,
              .generation = manifest_.generation,
              .from = from_,
              .seq = manifest_.seq,
              .rules = manifest_.rules,
              .state_hash = manifest_.state_hash,
              .devices_before = manifest_.devices};
    CAPSTAN_TRY(add_devices(past.devices));
    for (std::size_t i = 0; i < manifest_.object_chunks.size(); ++i) {
        if (manifest_.object_chunks[i].max_seq > from_) {
            CAPSTAN_TRY(add_objects(i, past.objects[i]));
        }
    }
    CAPSTAN_TRY(auto gone, deaths(past));
    std::erase_if(gone, [this](std::string const& id) { return changed_.contains(id); });
    delta_.gone.assign(gone.begin(), gone.end());
    CAPSTAN_TRY(auto const window_chunk, read(manifest_.window));
    CAPSTAN_TRY(auto const window, open_chunk(ChunkKind::window, window_chunk));
    CAPSTAN_TRY(delta_.window, fold_window(window, changed_, gone));
    figures_.objects = changed_.size() + gone.size();
    return std::move(delta_);
}

Result<> DeltaBuild::add_devices(std::vector<DevicesPast> const& past) {
    for (std::size_t i = 0; i < past.size(); ++i) {
        if (past[i].last > from_) {
            CAPSTAN_TRY(add_devices(i, past[i].visits));
        }
    }
    return success();
}

/// Devices are in the order of their first event: those that came since are the last ones.
Result<> DeltaBuild::add_devices(std::size_t i, ChunkRef const& ref) {
    CAPSTAN_TRY(auto const visits_chunk, read(ref));
    CAPSTAN_TRY(auto const visits, read_visits(visits_chunk));
    CAPSTAN_TRY(auto const counters_chunk, read(manifest_.counter_chunks[i]));
    CAPSTAN_TRY(auto const counters, read_counters(counters_chunk));
    if (visits.empty() || visits.size() != counters.size()) {
        return Error{Errc::index_damaged, "devices of " + manifest_.stream};
    }
    auto const first = static_cast<DeviceNumber>(i * kChunkDevices);
    for (std::size_t n = 0; n < visits.size(); ++n) {
        if (visits[n].last > from_) {
            delta_.counters.emplace_back(first + static_cast<DeviceNumber>(n), counters[n]);
        }
    }
    if (visits.back().first <= from_) {
        return success();
    }
    CAPSTAN_TRY(auto const ids_chunk, read(manifest_.device_chunks[i]));
    CAPSTAN_TRY(auto const ids, open_chunk(ChunkKind::devices, ids_chunk));
    ByteReader in(ids);
    for (std::size_t n = 0; n < visits.size(); ++n) {
        auto const id = in.get_device();
        if (visits[n].first > from_) {
            delta_.devices_before = delta_.devices.empty() ? first + n : delta_.devices_before;
            delta_.devices.push_back(id);
        }
    }
    return in.done() ? Result<>(success())
                     : Error{Errc::index_damaged, "devices of " + manifest_.stream};
}

Result<Ids> DeltaBuild::deaths(Past const& past) {
    Ids gone;
    for (auto const& one : past.deaths) {
        if (one.last > from_) {
            CAPSTAN_TRY(auto const chunk, read(one.deaths));
            CAPSTAN_TRY(auto const deaths, read_deaths(chunk));
            for (auto const& [seq, id] : deaths) {
                if (seq > from_) {
                    gone.insert(id);
                }
            }
        }
    }
    return gone;
}

Result<> DeltaBuild::add_objects(std::size_t i, ObjectsPast const& past) {
    CAPSTAN_TRY(auto const objects, read(manifest_.object_chunks[i].chunk));
    CAPSTAN_TRY(auto const trails, read(past.trails));
    auto const add = [&](ObjectHead const& head, ByteView object, ByteView bytes) -> Result<> {
        if (head.last_changed <= from_) {
            return success();
        }
        CAPSTAN_TRY(auto const trail, read_trail(bytes, head.inserted));
        CAPSTAN_TRY(auto folded, fold_object(object, trail, from_));
        delta_.objects.push_back(std::move(folded));
        changed_.emplace(head.id);
        return success();
    };
    return each_trailed(objects, trails, add);
}

}  // namespace

Result<FoldedDelta> make_delta(Storage& storage,
                               Manifest const& manifest,
                               Seq from,
                               DeltaFigures* figures) {
    DeltaFigures ignored;
    return DeltaBuild(storage, manifest, from, figures != nullptr ? *figures : ignored).run();
}

}  // namespace capstan
