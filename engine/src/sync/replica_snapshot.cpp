// A snapshot in place of the model and of the events that it stands for.
#include <algorithm>
#include <capstan/engine/sync/model_records.hpp>
#include <capstan/engine/sync/replica.hpp>
#include <utility>

namespace capstan::sync {

void Replica::on(SnapshotArrived const& arrived) {
    if (arrived.history != subscription().history()) {
        return;  // of one that is given up: `HistoryLost` is on its way
    }
    auto const& manifest = arrived.snapshot->manifest;
    auto restored = restore_snapshot(manifest, [&](ChunkRef const& ref) {
        return client_.chunk_codec().unpack(arrived.snapshot->chunks.at(ref.id), ref);
    });
    std::vector<Write> spent;
    for (auto const& id : arrived.stored) {
        spent.push_back({model_chunk_key(stream_.str(), id), std::nullopt});
    }
    client_.keep(std::move(spent));
    if (!restored) {
        client_.refuse_snapshot(stream_, restored.error());
        return;
    }
    take_over(std::move(restored).value());
    consume(manifest.seq);
    std::ranges::sort(buried_);
    after_input();
}

/// To be called before anything else of them changes.
void Replica::remember_all(Model const& model) {
    for (std::uint32_t slot = 0; slot < model.objects().slots_end(); ++slot) {
        if (auto const& object = model.objects().at(slot); object.alive()) {
            remember(object.id);
        }
    }
}

/// Own writes that the snapshot holds leave the view with the old model; the others go on top.
void Replica::take_over(RestoredSnapshot&& restored) {
    remember_pending();
    remember_all(*model_);
    remember_all(restored.model);
    erase_records();
    auto const own = restored.last_of(client_.device());
    overlay_.reset();
    model_ = std::make_unique<Model>(std::move(restored.model));
    own_applied_ = {client_.device(), own};
    devices_stored_ = 0;
    past_.begin(model_->head());
    disputes_.clear();
    for (auto const& [key, resolver] : resolvers_) {
        look_through_model(resolver);
    }
    buried_.clear();
    touched_.clear();
    for (std::uint32_t slot = 0; slot < model_->objects().slots_end(); ++slot) {
        if (auto const& object = model_->objects().at(slot); !object.id.empty()) {
            touched_.insert(object.id);
        }
    }
    show_all();
}

}  // namespace capstan::sync
