#include <algorithm>
#include <capstan/engine/model/key_ranges.hpp>
#include <capstan/engine/snapshot/chunk.hpp>
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

}  // namespace

void LastCounters::note(Model const& model, Dot const& dot) {
    auto const number = model.tables().devices.find(dot.device);
    CAPSTAN_INVARIANT(number != kNoDevice, to_string(dot.device));
    if (number >= counters_.size()) {
        counters_.resize(number + 1);
        visits_.resize(number + 1, {.first = model.head(), .last = {}});
    }
    counters_[number] = dot.counter;
    visits_[number].last = model.head();
}

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

/// Chunks with objects that any event may need: policies, and those with facts above the mark.
Result<std::set<std::size_t>> SnapshotBuild::chunks_of_base(ByteView window) const {
    std::set<std::size_t> wanted;
    for (std::size_t i = 0; i < before_.object_chunks.size(); ++i) {
        if (before_.object_chunks[i].policies) {
            wanted.insert(i);
        }
    }
    CAPSTAN_TRY(auto const section, read_window(window));
    for (auto const& entry : section.entries) {
        if (entry.alive && !before_.object_chunks.empty()) {
            wanted.insert(chunk_of(entry.id));
        }
    }
    return wanted;
}

Result<> SnapshotBuild::load_devices(ModelRestore& restore) {
    for (auto const& ref : before_.device_chunks) {
        CAPSTAN_TRY(auto const chunk, store_->chunk(before_.stream, ref));
        CAPSTAN_TRY(auto const ids, open_chunk(ChunkKind::devices, chunk));
        CAPSTAN_TRY(restore.devices(ids));
    }
    std::vector<Counter> counters;
    for (auto const& ref : before_.counter_chunks) {
        CAPSTAN_TRY(auto const chunk, read(ref));
        CAPSTAN_TRY(auto const some, read_counters(chunk));
        counters.insert(counters.end(), some.begin(), some.end());
    }
    std::vector<DeviceSpan> visits;
    for (auto const& one : past_.devices) {
        CAPSTAN_TRY(auto const chunk, read(one.visits));
        CAPSTAN_TRY(auto const some, read_visits(chunk));
        visits.insert(visits.end(), some.begin(), some.end());
    }
    if (counters.size() != before_.devices || visits.size() != before_.devices) {
        return Error{Errc::malformed, "snapshot of " + before_.stream + ": devices are missing"};
    }
    counters_ = LastCounters(std::move(counters), std::move(visits));
    return success();
}

/// What every event may need.
Result<> SnapshotBuild::load_base() {
    CAPSTAN_TRY(past_, load_past(*store_, before_));
    CAPSTAN_TRY(auto const window_chunk, store_->chunk(before_.stream, before_.window));
    CAPSTAN_TRY(auto const window, open_chunk(ChunkKind::window, window_chunk));
    CAPSTAN_TRY(auto const wanted, chunks_of_base(window));
    ModelRestore restore;
    CAPSTAN_TRY(load_devices(restore));
    for (auto const i : wanted) {
        CAPSTAN_TRY(add_objects(restore, i));
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

Result<> SnapshotBuild::add_objects(ModelRestore& restore, std::size_t i) {
    CAPSTAN_TRY(auto const chunk, read(before_.object_chunks[i].chunk));
    CAPSTAN_TRY(auto const trails, read(past_.objects[i].trails));
    loaded_[i] = true;
    ++figures_.chunks_read;
    auto const add = [&](ObjectHead const& head, ByteView object, ByteView bytes) -> Result<> {
        CAPSTAN_TRY(auto trail, read_trail(bytes, head.inserted));
        trails_.load(head.id, std::move(trail));
        return restore.object(object);
    };
    return each_trailed(chunk, trails, add);
}

Result<> SnapshotBuild::load(std::size_t i) {
    if (i >= loaded_.size() || loaded_[i]) {
        return success();
    }
    auto const head = model_.head();
    auto const mark = model_.mark();
    ModelRestore restore(std::move(model_));
    CAPSTAN_TRY(add_objects(restore, i));
    CAPSTAN_TRY(model_, std::move(restore).finish(head, mark));
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
        trails_.apply(model_, event, at.stamp);
        counters_.note(model_, at.dot);
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
    for (auto left = counters_.all(); !left.empty();) {
        auto const some = left.first(std::min(left.size(), kChunkDevices));
        CAPSTAN_TRY(auto const ref, write(make_counters(some)));
        next.counter_chunks.push_back(ref);
        left = left.subspan(some.size());
    }
    return success();
}

Result<> SnapshotBuild::write_objects(Manifest& next) {
    ObjectChanges changes;
    for (auto const& id : touched_) {
        auto& bytes = changes[id];
        if (Object const* const object = model_.find(id)) {
            append_object(bytes.emplace().object, *object, model_.tables());
            append_trail(bytes->trail, trails_.all().find(id)->second, Seq{object->inserted.seq});
        }
    }
    std::vector<ObjectsPast> past;
    ObjectMerge merge(
        before_.object_chunks,
        changes,
        [&](std::size_t i) -> Result<TrailedBytes> {
            ++figures_.chunks_read;
            TrailedBytes both;
            CAPSTAN_TRY(both.object, read(before_.object_chunks[i].chunk));
            CAPSTAN_TRY(both.trail, read(past_.objects[i].trails));
            return both;
        },
        [&](ObjectChunk const& chunk) -> Result<> {
            CAPSTAN_TRY(auto const ref, write(chunk.bytes));
            next.object_chunks.push_back(
                {ref, chunk.first, chunk.last, chunk.objects, chunk.max_seq, chunk.policies});
            CAPSTAN_TRY(auto const trails, write(chunk.trails));
            past.push_back({trails, chunk.recent});
            return success();
        },
        [&](std::size_t i) {
            ++figures_.chunks_kept;
            next.object_chunks.push_back(before_.object_chunks[i]);
            past.push_back(past_.objects[i]);
        });
    CAPSTAN_TRY(merge.run());
    past_.objects = std::move(past);
    for (auto const& ref : next.object_chunks) {
        next.objects += ref.objects;
    }
    return success();
}

Result<> SnapshotBuild::write_visits() {
    past_.devices.clear();
    for (auto left = counters_.visits(); !left.empty();) {
        auto const some = left.first(std::min(left.size(), kChunkDevices));
        CAPSTAN_TRY(auto const ref, write(make_visits(some)));
        past_.devices.push_back({ref, std::ranges::max(some, {}, &DeviceSpan::last).last});
        left = left.subspan(some.size());
    }
    return success();
}

/// Full chunks of deaths never change, and the oldest go as a whole.
Result<> SnapshotBuild::write_deaths() {
    std::vector<Death> open;
    if (!past_.deaths.empty()) {
        CAPSTAN_TRY(auto const chunk, read(past_.deaths.back().deaths));
        CAPSTAN_TRY(open, read_deaths(chunk));
        past_.deaths.pop_back();
    }
    open.insert(open.end(), trails_.deaths().begin(), trails_.deaths().end());
    for (auto left = std::span<Death const>(open); !left.empty();) {
        auto const some = left.first(std::min(left.size(), kChunkDeaths));
        CAPSTAN_TRY(auto const ref, write(make_deaths(some)));
        past_.deaths.push_back({ref, some.back().first});
        left = left.subspan(some.size());
    }
    while (past_.deaths.size() > kDeathChunksMax) {
        past_.deaths_after = past_.deaths.front().last;
        past_.deaths.erase(past_.deaths.begin());
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
    next.event_bytes = before_.event_bytes + figures_.event_bytes;
    CAPSTAN_TRY(write_objects(next));
    CAPSTAN_TRY(write_devices(next));
    CAPSTAN_TRY(write_visits());
    CAPSTAN_TRY(write_deaths());
    CAPSTAN_TRY(next.window, write(make_chunk(ChunkKind::window, encode_window(model_))));
    CAPSTAN_TRY(next.past, write(make_past(past_)));
    CAPSTAN_TRY(store_->publish(next, past_));
    return next;
}

Result<Past> load_past(SnapshotStore& store, Manifest const& manifest) {
    CAPSTAN_TRY(auto const chunk, store.chunk(manifest.stream, manifest.past));
    CAPSTAN_TRY(auto past, read_past(chunk));
    if (past.objects.size() != manifest.object_chunks.size() ||
        past.devices.size() != manifest.device_chunks.size()) {
        return Error{Errc::malformed, "snapshot of " + manifest.stream + ": another past"};
    }
    return past;
}

Result<RestoredSnapshot> load_snapshot(SnapshotStore& store, Manifest const& manifest) {
    return restore_snapshot(manifest,
                            [&](ChunkRef const& ref) { return store.chunk(manifest.stream, ref); });
}

}  // namespace capstan
