// The model in the client's store.
#include <algorithm>
#include <capstan/engine/sync/model_records.hpp>
#include <capstan/engine/sync/replica.hpp>
#include <utility>

namespace capstan::sync {

/// False if there is no model, or none that stands at the client's cursor: what there is of it
/// goes.
bool Replica::load(std::span<StoredRecord const> records) {
    auto loaded = load_model(stream_.str(), records);
    bool const fits =
        loaded && loaded.value() && loaded.value()->head.cursor == subscription().consumed_cursor();
    if (!fits) {
        auto const chunks = load_chunks(stream_.str(), records);
        std::vector<Write> gone;
        for (StoredRecord const& record : records) {
            gone.push_back({Bytes(record.key.begin(), record.key.end()), std::nullopt});
        }
        for (auto const& [id, packed] : chunks) {  // for the snapshot that will be loaded instead
            gone.push_back(model_chunk_record(stream_.str(), id, packed));
        }
        client_.keep(std::move(gone));
        return false;
    }
    auto& [head, model] = *loaded.value();
    overlay_.reset();
    model_ = std::make_unique<Model>(std::move(model));
    past_.begin(head.cursor.seq);
    own_applied_ = head.own;
    devices_stored_ = model_->tables().devices.size();
    for (std::uint32_t slot = 0; slot < model_->objects().slots_end(); ++slot) {
        if (auto const& object = model_->objects().at(slot); object.state == ObjectState::dead) {
            buried_.emplace_back(Seq{object.deletions->last.seq}, object.id);
        }
    }
    std::ranges::sort(buried_);
    return true;
}

/// Writes what events touched since the last call, and where that stands.
void Replica::save_touched(StoredCursor const& cursor) {
    std::vector<Write> writes;
    auto const& devices = model_->tables().devices;
    if (devices.size() > devices_stored_) {
        auto const first = static_cast<DeviceNumber>(devices_stored_);
        writes.push_back(model_devices_record(stream_.str(), devices, first));
        devices_stored_ = devices.size();
    }
    for (auto const& id : std::exchange(touched_, {})) {
        writes.push_back(model_object_record(stream_.str(), *model_, id));
        auto const slot = model_->objects().find(id);
        if (slot != ObjectTable::kNone && !model_->objects().at(slot).alive()) {
            buried_.emplace_back(Seq{model_->objects().at(slot).deletions->last.seq}, id);
        }
    }
    bury(writes);
    writes.push_back(model_head_record(stream_.str(),
                                       {.cursor = cursor,
                                        .head = model_->head(),
                                        .mark = model_->mark(),
                                        .own = own_applied_,
                                        .devices = devices.size(),
                                        .state_hash = model_->state_hash()}));
    client_.keep(std::move(writes));
}

/// Tombstones that the model has forgotten go from the store as well.
void Replica::bury(std::vector<Write>& writes) {
    for (; !buried_.empty(); buried_.pop_front()) {
        auto const& id = buried_.front().second;
        auto const slot = model_->objects().find(id);
        if (slot == ObjectTable::kNone) {
            writes.push_back({model_object_key(stream_.str(), id), std::nullopt});
        } else if (!model_->objects().at(slot).alive()) {
            return;
        }
    }
}

/// The history is gone, and with it all that was stored of it: model and cursor.
void Replica::erase_records() {
    std::vector<Write> gone;
    for (std::uint32_t slot = 0; slot < model_->objects().slots_end(); ++slot) {
        if (auto const& object = model_->objects().at(slot); !object.id.empty()) {
            gone.push_back({model_object_key(stream_.str(), object.id), std::nullopt});
        }
    }
    for (auto const& [seq, id] : buried_) {
        gone.push_back({model_object_key(stream_.str(), id), std::nullopt});
    }
    // A devices record starts where an earlier one ended.
    for (DeviceNumber first = 0; first < devices_stored_; ++first) {
        gone.push_back({model_devices_key(stream_.str(), first), std::nullopt});
    }
    gone.push_back({model_head_key(stream_.str()), std::nullopt});
    gone.push_back({cursor_key(stream_.str()), std::nullopt});
    client_.keep(std::move(gone));
}

}  // namespace capstan::sync
