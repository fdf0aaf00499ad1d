// A snapshot in place of the model and of the events that it stands for, or what they changed.
#include <algorithm>
#include <capstan/engine/snapshot/folded_delta.hpp>
#include <capstan/engine/sync/model_records.hpp>
#include <capstan/engine/sync/replica.hpp>
#include <utility>

namespace capstan::sync {

void Replica::on(SnapshotArrived const& arrived) {
    if (arrived.history != subscription().history()) {
        return;  // of one that is given up: `HistoryLost` is on its way
    }
    auto const taken = arrived.delta ? take_over(*arrived.delta) : take_over(*arrived.snapshot);
    std::vector<Write> spent;
    for (auto const& id : arrived.stored) {
        spent.push_back({model_chunk_key(stream_.str(), id), std::nullopt});
    }
    client_.keep(std::move(spent));
    if (!taken) {
        client_.refuse_snapshot(stream_, taken.error());
        return;
    }
    consume(arrived.seq);
    std::ranges::sort(buried_);
    after_input();
}

Result<> Replica::take_over(TakenSnapshot const& snapshot) {
    CAPSTAN_TRY(auto restored, restore_snapshot(snapshot.manifest, [&](ChunkRef const& ref) {
                    return client_.chunk_codec().unpack(snapshot.chunks.at(ref.id), ref);
                }));
    stand_on(std::move(restored));
    return success();
}

/// Costs what changed: other objects are neither read nor written.
Result<> Replica::take_over(FoldedDelta const& delta) {
    CAPSTAN_TRY(auto const changed, objects_of(delta));
    if (subscription().consumed_cursor().seq != delta.from) {
        return Error{Errc::malformed, "a folded delta of another seq than the model's"};
    }
    remember_pending();
    for (auto const& id : changed) {
        remember(id);
    }
    overlay_.reset();
    auto const applied = apply_delta(*model_, delta);
    if (applied) {
        touched_.insert(changed.begin(), changed.end());
        auto const own = model_->tables().devices.find(client_.device());
        auto const at =
            std::ranges::find(delta.counters, own, &std::pair<DeviceNumber, Counter>::first);
        if (at != delta.counters.end()) {
            own_applied_ = {client_.device(), at->second};
        }
        begin_anew();
    }
    show_all();
    return applied;
}

/// Of the events that the model came from in one step nothing is known.
void Replica::begin_anew() {
    past_.begin(model_->head());
    disputes_.clear();
    for (auto const& [key, resolver] : resolvers_) {
        look_through_model(resolver);
    }
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
void Replica::stand_on(RestoredSnapshot&& restored) {
    remember_pending();
    remember_all(*model_);
    remember_all(restored.model);
    erase_records();
    auto const own = restored.last_of(client_.device());
    overlay_.reset();
    model_ = std::make_unique<Model>(std::move(restored.model));
    own_applied_ = {client_.device(), own};
    devices_stored_ = 0;
    begin_anew();
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
