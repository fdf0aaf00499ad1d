#include <algorithm>
#include <capstan/engine/model/key_ranges.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/snapshotter/build.hpp>
#include <capstan/snapshotter/tape.hpp>
#include <utility>

namespace capstan {

Result<> SnapshotCheck::feed(Page const& page) {
    if (page.first > next()) {
        return Error{Errc::lost_history,
                     "the tape of " + manifest_.stream + " has another history than its snapshot"};
    }
    return each_event(page, model_.head(), [&](TapeEvent const& one) {
        if (one.stamp.seq <= manifest_.seq) {
            trails_.apply(model_, event_of(one.bytes), one.stamp);
            counters_.note(model_, one.dot);
            event_bytes_ += one.bytes.size();
            chain_ = chain_next(
                chain_, one.dot, one.stamp.preceding_seq, one.flags & RunFlags::chained, one.bytes);
        }
    });
}

Error SnapshotCheck::differs(std::string const& what) const {
    return {Errc::index_damaged,
            "snapshot of " + manifest_.stream + " at " + std::to_string(manifest_.seq.value) +
                ": the tape says another " + what};
}

Result<> SnapshotCheck::compare(SnapshotStore& store) const {
    if (chain_ != manifest_.chain) {
        return differs("chain hash");
    }
    if (model_.state_hash() != manifest_.state_hash) {
        return differs("state hash");
    }
    if (event_bytes_ != manifest_.event_bytes) {
        return differs("size of its events");
    }
    CAPSTAN_TRY(compare_model(store));
    return compare_past(store);
}

Result<> SnapshotCheck::compare_model(SnapshotStore& store) const {
    CAPSTAN_TRY(auto const restored, load_snapshot(store, manifest_));
    Model const& loaded = restored.model;
    if (!std::ranges::equal(restored.counters, counters_.all())) {
        return differs("last counter of a device");
    }
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

Result<> SnapshotCheck::compare_past(SnapshotStore& store) const {
    CAPSTAN_TRY(auto const past, load_past(store, manifest_));
    for (std::size_t i = 0; i < past.objects.size(); ++i) {
        CAPSTAN_TRY(compare_trails(store, i, past.objects[i]));
    }
    std::vector<DeviceSpan> visits;
    for (auto const& one : past.devices) {
        CAPSTAN_TRY(auto const chunk, store.chunk(manifest_.stream, one.visits));
        CAPSTAN_TRY(auto const some, read_visits(chunk));
        visits.insert(visits.end(), some.begin(), some.end());
    }
    if (!std::ranges::equal(visits, counters_.visits())) {
        return differs("first or last event of a device");
    }
    std::vector<Death> deaths;
    for (auto const& one : past.deaths) {
        CAPSTAN_TRY(auto const chunk, store.chunk(manifest_.stream, one.deaths));
        CAPSTAN_TRY(auto const some, read_deaths(chunk));
        deaths.insert(deaths.end(), some.begin(), some.end());
    }
    auto const known = trails_.deaths();
    bool const same = deaths.size() <= known.size() &&
                      std::ranges::equal(deaths, known.last(deaths.size())) &&
                      (deaths.size() == known.size() ||
                       known[known.size() - deaths.size() - 1].first == past.deaths_after);
    return same ? Result<>(success()) : differs("death of an object");
}

Result<> SnapshotCheck::compare_trails(SnapshotStore& store,
                                       std::size_t chunk,
                                       ObjectsPast const& past) const {
    CAPSTAN_TRY(auto const objects,
                store.chunk(manifest_.stream, manifest_.object_chunks[chunk].chunk));
    CAPSTAN_TRY(auto const trails, store.chunk(manifest_.stream, past.trails));
    return each_trailed(
        objects, trails, [&](ObjectHead const& head, ByteView, ByteView bytes) -> Result<> {
            auto const known = trails_.all().find(head.id);
            CAPSTAN_TRY(auto const trail, read_trail(bytes, head.inserted));
            return known != trails_.all().end() && known->second == trail
                       ? Result<>(success())
                       : differs("past of object " + std::string(head.id));
        });
}

}  // namespace capstan
