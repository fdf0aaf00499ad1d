#include <algorithm>
#include <capstan/engine/model/key_ranges.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/snapshotter/build.hpp>
#include <capstan/snapshotter/tape.hpp>
#include <utility>

#include "merge.hpp"

namespace capstan {
namespace {

Error lost_history(std::string const& stream) {
    return {Errc::lost_history, "the tape of " + stream + " has another history than its snapshot"};
}

Result<Bytes> whole_device_table(SnapshotStore& store, Manifest const& manifest) {
    Bytes table;
    for (auto const& ref : manifest.device_chunks) {
        CAPSTAN_TRY(auto const chunk, store.chunk(manifest.stream, ref));
        CAPSTAN_TRY(auto const ids, open_chunk(ChunkKind::devices, chunk));
        table.insert(table.end(), ids.begin(), ids.end());
    }
    return table;
}

Result<> add_objects(ModelRestore& restore, ByteView chunk) {
    return each_object(chunk, [&](ObjectHead const&, ByteView object) -> Result<> {
        return restore.object(object);
    });
}

}  // namespace

SnapshotBuild::SnapshotBuild(SnapshotStore& store, Manifest before)
    : store_(&store),
      before_(std::move(before)),
      loaded_(before_.object_chunks.size()),
      state_hash_(before_.state_hash),
      chain_(before_.chain) {}

Result<SnapshotBuild> SnapshotBuild::begin(SnapshotStore& store, Stream const& stream) {
    CAPSTAN_TRY(auto before, store.newest(stream.name));
    bool const goes_on = before && before->generation == stream.generation &&
                         before->rules == kModelRules && before->seq <= stream.head;
    if (!goes_on) {
        if (before) {
            CAPSTAN_TRY(store.remove(stream.name));
        }
        Manifest nothing;
        nothing.stream = stream.name;
        nothing.generation = stream.generation;
        nothing.chain = chain_start(stream.name);
        return SnapshotBuild(store, std::move(nothing));
    }
    SnapshotBuild build(store, std::move(*before));
    CAPSTAN_TRY(build.load_base());
    return build;
}

/// What every event may need: devices, policies, and objects with facts above the mark.
Result<> SnapshotBuild::load_base() {
    CAPSTAN_TRY(auto const table, whole_device_table(*store_, before_));
    CAPSTAN_TRY(auto const window_chunk, store_->chunk(before_.stream, before_.window));
    CAPSTAN_TRY(auto const window, open_chunk(ChunkKind::window, window_chunk));
    CAPSTAN_TRY(auto const ids, window_objects(window));
    std::set<std::size_t> wanted;
    for (std::size_t i = 0; i < before_.object_chunks.size(); ++i) {
        if (before_.object_chunks[i].policies) {
            wanted.insert(i);
        }
    }
    for (auto const& id : ids) {
        if (!before_.object_chunks.empty()) {
            wanted.insert(chunk_of(id));
        }
    }
    ModelRestore restore;
    CAPSTAN_TRY(restore.devices(table));
    for (auto const i : wanted) {
        CAPSTAN_TRY(auto const chunk,
                    store_->chunk(before_.stream, before_.object_chunks[i].chunk));
        CAPSTAN_TRY(add_objects(restore, chunk));
        loaded_[i] = true;
        ++figures_.chunks_read;
    }
    CAPSTAN_TRY(model_, std::move(restore).finish(window));
    if (model_.head() != before_.seq || model_.mark() != before_.mark) {
        return Error{Errc::malformed, "snapshot of " + before_.stream + ": another seq or mark"};
    }
    return success();
}

/// The chunk in whose range the id is, whether it is there or not.
std::size_t SnapshotBuild::chunk_of(std::string_view id) const {
    auto const behind = std::ranges::upper_bound(
        before_.object_chunks, id, {}, [](ObjectChunkRef const& ref) -> std::string_view {
            return ref.first;
        });
    auto const at = behind - before_.object_chunks.begin();
    return at == 0 ? 0 : static_cast<std::size_t>(at - 1);
}

Result<> SnapshotBuild::load(std::size_t i) {
    if (i >= loaded_.size() || loaded_[i]) {
        return success();
    }
    CAPSTAN_TRY(auto const chunk, store_->chunk(before_.stream, before_.object_chunks[i].chunk));
    auto const head = model_.head();
    auto const mark = model_.mark();
    ModelRestore restore(std::move(model_));
    CAPSTAN_TRY(add_objects(restore, chunk));
    CAPSTAN_TRY(model_, std::move(restore).finish(head, mark));
    loaded_[i] = true;
    ++figures_.chunks_read;
    return success();
}

Result<> SnapshotBuild::feed(Page const& page) {
    if (page.generation != before_.generation || page.first > next()) {
        return lost_history(before_.stream);
    }
    struct Read {
        TapeEvent at;
        Event event;
    };
    std::vector<Read> events;
    CAPSTAN_TRY(each_event(page, model_.head(), [&](TapeEvent const& one) {
        events.push_back({one, event_of(one.bytes)});
    }));
    for (auto const& [at, event] : events) {
        for (Op const& op : event.ops) {
            touched_.insert(op.object);
            CAPSTAN_TRY(load(chunk_of(op.object)));
        }
    }
    auto const hash_before = model_.state_hash();
    for (auto const& [at, event] : events) {
        model_.apply(event, at.stamp, nullptr);
        chain_ = chain_next(
            chain_, at.dot, at.stamp.preceding_seq, at.flags & RunFlags::chained, at.bytes);
        ++figures_.events;
        figures_.event_bytes += at.bytes.size();
    }
    state_hash_ += model_.state_hash() - hash_before;
    return chain_ == page.chain ? Result<>(success()) : lost_history(before_.stream);
}

Result<ChunkRef> SnapshotBuild::write(ByteView chunk) {
    CAPSTAN_TRY(auto const put, store_->put_chunk(before_.stream, chunk));
    if (put.written) {
        ++figures_.chunks_written;
        figures_.bytes_written += put.ref.packed_bytes;
    }
    return put.ref;
}

Result<> SnapshotBuild::write_devices(Manifest& next) {
    auto const& devices = model_.tables().devices;
    next.devices = devices.size();
    // Full chunks of the table never change.
    auto const full = static_cast<std::size_t>(before_.devices / kChunkDevices);
    next.device_chunks.assign(before_.device_chunks.begin(),
                              before_.device_chunks.begin() + static_cast<std::ptrdiff_t>(full));
    auto const ids = encode_devices(devices, static_cast<DeviceNumber>(full * kChunkDevices));
    for (ByteView rest = ids; !rest.empty();) {
        auto const part = rest.first(std::min(rest.size(), kChunkDevices * sizeof(DeviceId)));
        CAPSTAN_TRY(auto const ref, write(make_chunk(ChunkKind::devices, part)));
        next.device_chunks.push_back(ref);
        rest = rest.subspan(part.size());
    }
    return success();
}

Result<> SnapshotBuild::write_objects(Manifest& next) {
    ObjectChanges changes;
    for (auto const& id : touched_) {
        auto& bytes = changes[id];
        if (Object const* const object = model_.find(id)) {
            append_object(bytes.emplace(), *object, model_.tables());
        }
    }
    ObjectMerge merge(
        before_.object_chunks,
        changes,
        [&](ChunkRef const& ref) {
            ++figures_.chunks_read;
            return store_->chunk(before_.stream, ref);
        },
        [&](ObjectChunk const& chunk) -> Result<> {
            CAPSTAN_TRY(auto const ref, write(chunk.bytes));
            next.object_chunks.push_back(
                {ref, chunk.first, chunk.last, chunk.objects, chunk.max_seq, chunk.policies});
            return success();
        },
        [&](ObjectChunkRef const& ref) {
            ++figures_.chunks_kept;
            next.object_chunks.push_back(ref);
        });
    CAPSTAN_TRY(merge.run());
    for (auto const& ref : next.object_chunks) {
        next.objects += ref.objects;
    }
    return success();
}

Result<Manifest> SnapshotBuild::finish() {
    if (model_.head() == before_.seq) {
        return before_;
    }
    Manifest next;
    next.stream = before_.stream;
    next.generation = before_.generation;
    next.seq = model_.head();
    next.chain = chain_;
    next.mark = model_.mark();
    next.state_hash = state_hash_;
    CAPSTAN_TRY(write_objects(next));
    CAPSTAN_TRY(write_devices(next));
    CAPSTAN_TRY(next.window, write(make_chunk(ChunkKind::window, encode_window(model_))));
    CAPSTAN_TRY(store_->publish(next));
    return next;
}

Result<Model> load_snapshot(SnapshotStore& store, Manifest const& manifest) {
    ModelRestore restore;
    CAPSTAN_TRY(auto const table, whole_device_table(store, manifest));
    CAPSTAN_TRY(restore.devices(table));
    for (auto const& ref : manifest.object_chunks) {
        CAPSTAN_TRY(auto const chunk, store.chunk(manifest.stream, ref.chunk));
        CAPSTAN_TRY(add_objects(restore, chunk));
    }
    CAPSTAN_TRY(auto const chunk, store.chunk(manifest.stream, manifest.window));
    CAPSTAN_TRY(auto const window, open_chunk(ChunkKind::window, chunk));
    CAPSTAN_TRY(auto model, std::move(restore).finish(window));
    if (model.state_hash() != manifest.state_hash || model.head() != manifest.seq ||
        model.mark() != manifest.mark || model.size() != manifest.objects ||
        model.tables().devices.size() != manifest.devices) {
        return Error{Errc::malformed,
                     "snapshot of " + manifest.stream + " at " +
                         std::to_string(manifest.seq.value) +
                         ": its parts make another model than its manifest says"};
    }
    return model;
}

Result<> SnapshotCheck::feed(Page const& page) {
    if (page.first > next()) {
        return lost_history(manifest_.stream);
    }
    return each_event(page, model_.head(), [&](TapeEvent const& one) {
        if (one.stamp.seq <= manifest_.seq) {
            model_.apply(event_of(one.bytes), one.stamp, nullptr);
            chain_ = chain_next(
                chain_, one.dot, one.stamp.preceding_seq, one.flags & RunFlags::chained, one.bytes);
        }
    });
}

Result<> SnapshotCheck::compare(SnapshotStore& store) const {
    auto const differs = [&](std::string const& what) {
        return Error{Errc::index_damaged,
                     "snapshot of " + manifest_.stream + " at " +
                         std::to_string(manifest_.seq.value) + ": the tape says another " + what};
    };
    if (chain_ != manifest_.chain) {
        return differs("chain hash");
    }
    if (model_.state_hash() != manifest_.state_hash) {
        return differs("state hash");
    }
    CAPSTAN_TRY(auto const loaded, load_snapshot(store, manifest_));
    if (encode_window(loaded) != encode_window(model_)) {
        return differs("window");
    }
    if (encode_devices(loaded.tables().devices) != encode_devices(model_.tables().devices)) {
        return differs("device table");
    }
    KeyRanges const by_id(model_);
    for (Object const* object : by_id.objects()) {
        Object const* const there = loaded.find(object->id);
        if (there == nullptr || there->hash != object->hash) {
            return differs("object " + object->id);
        }
    }
    return success();
}

}  // namespace capstan
