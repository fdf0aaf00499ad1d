#include "row_cache.hpp"

#include <capstan/schema/hash.hpp>

namespace capstan {

std::size_t RowCache::NameHash::operator()(std::string_view name) const {
    return hash64(as_bytes(name));
}

Result<RowCache::Stream*> RowCache::find_stream(std::string_view name) {
    if (auto const found = streams_.find(name); found != streams_.end()) {
        found->second->used = true;
        return found->second.get();
    }
    CAPSTAN_TRY(auto const stored, store_.stream(name));
    return loaded(stored);
}

Result<RowCache::Stream*> RowCache::find_stream(StreamNumber number) {
    if (auto const found = by_number_.find(number.value); found != by_number_.end()) {
        found->second->used = true;
        return found->second;
    }
    CAPSTAN_TRY(auto const stored, store_.stream(number));
    return loaded(stored);
}

Result<RowCache::Stream*> RowCache::loaded(std::optional<StoredStream> const& stored) {
    if (!stored) {
        return nullptr;
    }
    CAPSTAN_TRY(auto row, decode_stream_row(stored->row));
    auto& stream = add_stream(std::move(row), stored->changed);
    stream.share = HashShare{row_hash(stream.row)};
    return &stream;
}

Result<RowCache::Device*> RowCache::find_device(StreamNumber stream, DeviceId const& device) {
    DeviceKey const key{stream.value, device};
    if (auto const found = devices_.find(key); found != devices_.end()) {
        found->second->used = true;
        return found->second.get();
    }
    CAPSTAN_TRY(auto const stored, store_.device(stream, device));
    if (!stored) {
        return nullptr;
    }
    CAPSTAN_TRY(auto row, decode_device_row(*stored));
    CAPSTAN_TRY(auto const* owner, find_stream(stream));
    CAPSTAN_INVARIANT(owner != nullptr, "a device row without its stream's");
    auto& entry = add_device(*owner, device, std::move(row));
    entry.share = HashShare{row_hash(entry.stream_hash, device, entry.row)};
    return &entry;
}

void RowCache::prefetch(std::string_view stream, DeviceId const& device) const {
    auto const found = streams_.find(stream);
    if (found == streams_.end()) {
        return;
    }
    auto const number = found->second->row.number.value;
    if (auto const row = devices_.find(DeviceKey{number, device}); row != devices_.end()) {
        __builtin_prefetch(row->second.get(), 1);
        __builtin_prefetch(&row->second->row, 1);
    }
}

RowCache::Stream& RowCache::add_stream(StreamRow row, Position changed) {
    auto entry = std::make_unique<Stream>();
    entry->changed = changed;
    entry->row = std::move(row);
    clock_.push_back(entry.get());
    auto& stream = *entry;
    by_number_[stream.row.number.value] = &stream;
    streams_.emplace(stream.row.name, std::move(entry));
    return stream;
}

RowCache::Device& RowCache::add_device(Stream const& stream,
                                       DeviceId const& device,
                                       DeviceRow row) {
    auto entry = std::make_unique<Device>();
    entry->stream = stream.row.number;
    entry->stream_hash = chain_start(stream.row.name);
    entry->device = device;
    entry->row = std::move(row);
    clock_.push_back(entry.get());
    auto& added = *entry;
    devices_.emplace(DeviceKey{added.stream.value, device}, std::move(entry));
    return added;
}

void RowCache::changed(Stream& stream) {
    if (!std::exchange(stream.dirty, true)) {
        dirty_streams_.push_back(&stream);
    }
    if (!std::exchange(stream.unsettled, true)) {
        unsettled_streams_.push_back(&stream);
    }
}

void RowCache::changed(Device& device) {
    if (!std::exchange(device.dirty, true)) {
        dirty_devices_.push_back(&device);
    }
    if (!std::exchange(device.unsettled, true)) {
        unsettled_devices_.push_back(&device);
    }
}

void RowCache::settle(PartitionRow& partition) {
    for (auto* stream : unsettled_streams_) {
        stream->share.settle(partition, row_hash(stream->row));
        stream->unsettled = false;
    }
    for (auto* device : unsettled_devices_) {
        device->share.settle(partition, row_hash(device->stream_hash, device->device, device->row));
        device->unsettled = false;
    }
    unsettled_streams_.clear();
    unsettled_devices_.clear();
}

void RowCache::forget(Entry& entry) {
    if (auto* stream = dynamic_cast<Stream*>(&entry)) {
        by_number_.erase(stream->row.number.value);
        streams_.erase(streams_.find(stream->row.name));
        return;
    }
    auto const& device = dynamic_cast<Device&>(entry);
    devices_.erase({device.stream.value, device.device});
}

void RowCache::evict(std::size_t rows_max, std::size_t looks_max) {
    // Rows that stay go to the end of the queue, so that the next call does not look at them first.
    for (; looks_max > 0 && clock_.size() > rows_max; --looks_max) {
        auto& oldest = *clock_.front();
        clock_.pop_front();
        bool const needed = oldest.dirty || oldest.unsettled || oldest.taken_by > committed_;
        if (std::exchange(oldest.used, false) || needed) {
            clock_.push_back(&oldest);
        } else {
            forget(oldest);
        }
    }
}

}  // namespace capstan
