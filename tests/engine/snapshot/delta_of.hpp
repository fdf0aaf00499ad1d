// A folded delta as it follows from all events at once.
#pragma once
#include <capstan/engine/model/key_ranges.hpp>
#include <capstan/engine/snapshot/folded_delta.hpp>
#include <map>
#include <set>
#include <string>

namespace capstan::test {

/// A model that is made of events, and what a delta between any two of its seqs needs beside it.
struct TrailedModel {
    Model model;
    Trails trails;
    std::map<DeviceNumber, std::pair<Seq, Counter>> last;  // of each device
    std::map<Seq, std::size_t> devices;                    // behind each seq

    void apply(Event const& event, EventStamp const& stamp, Counter counter) {
        trails.apply(model, event, stamp);
        last[model.tables().devices.find(stamp.device)] = {stamp.seq, counter};
        devices[stamp.seq] = model.tables().devices.size();
    }
};

/// From `where.from` to where the model stands; stream and generation are those of `where`.
inline FoldedDelta delta_of(TrailedModel const& now, FoldedDelta where) {
    auto const from = where.from;
    auto const& model = now.model;
    where.seq = model.head();
    where.state_hash = model.state_hash();
    auto const behind = now.devices.upper_bound(from);
    where.devices_before = behind == now.devices.begin() ? 0 : std::prev(behind)->second;
    for (auto n = where.devices_before; n < model.tables().devices.size(); ++n) {
        where.devices.push_back(model.tables().devices.id(static_cast<DeviceNumber>(n)));
    }
    for (auto const& [device, last] : now.last) {
        if (last.first > from) {
            where.counters.emplace_back(device, last.second);
        }
    }
    std::set<std::string, std::less<>> changed;
    std::set<std::string, std::less<>> gone;
    KeyRanges const by_id(model);
    for (Object const* object : by_id.objects()) {
        if (last_changed(*object) > from) {
            Bytes bytes;
            append_object(bytes, *object, model.tables());
            auto folded = fold_object(bytes, now.trails.all().at(object->id), from);
            where.objects.push_back(std::move(folded).value());
            changed.insert(object->id);
        }
    }
    for (auto const& [seq, id] : now.trails.deaths()) {
        if (seq > from && model.find(id) == nullptr) {
            gone.insert(id);
        }
    }
    where.gone.assign(gone.begin(), gone.end());
    where.window = fold_window(encode_window(model), changed, gone).value();
    return where;
}

}  // namespace capstan::test
