#include "row_cache.hpp"

#include <capstan/schema/hash.hpp>

namespace capstan {

std::size_t RowCache::NameHash::operator()(std::string_view name) const {
    return hash64(as_bytes(name));
}

void RowCache::touch(Entry& entry) {
    used_.splice(used_.end(), used_, entry.used);
}

Result<RowCache::Stream*> RowCache::find_stream(std::string_view name) {
    if (auto const found = streams_.find(name); found != streams_.end()) {
        touch(*found->second);
        return found->second.get();
    }
    CAPSTAN_TRY(auto const stored, store_.stream(name));
    return loaded(stored);
}

Result<RowCache::Stream*> RowCache::find_stream(StreamNumber number) {
    if (auto const found = by_number_.find(number.value); found != by_number_.end()) {
        touch(*found->second);
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
        touch(*found->second);
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
    entry.share = HashShare{row_hash(entry.stream_name, device, entry.row)};
    return &entry;
}

RowCache::Stream& RowCache::add_stream(StreamRow row, Position changed) {
    auto entry = std::make_unique<Stream>();
    entry->changed = changed;
    entry->row = std::move(row);
    entry->used = used_.insert(used_.end(), entry.get());
    auto& stream = *entry;
    by_number_[stream.row.number.value] = &stream;
    streams_[stream.row.name] = std::move(entry);
    return stream;
}

RowCache::Device& RowCache::add_device(Stream const& stream,
                                       DeviceId const& device,
                                       DeviceRow row) {
    auto entry = std::make_unique<Device>();
    entry->stream = stream.row.number;
    entry->stream_name = stream.row.name;
    entry->device = device;
    entry->row = std::move(row);
    entry->used = used_.insert(used_.end(), entry.get());
    auto& added = *entry;
    devices_[{added.stream.value, device}] = std::move(entry);
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
        device->share.settle(partition, row_hash(device->stream_name, device->device, device->row));
        device->unsettled = false;
    }
    unsettled_streams_.clear();
    unsettled_devices_.clear();
}

void RowCache::forget(Entry& entry) {
    used_.erase(entry.used);
    if (auto* stream = dynamic_cast<Stream*>(&entry)) {
        by_number_.erase(stream->row.number.value);
        streams_.erase(streams_.find(std::string_view(stream->row.name)));
        return;
    }
    auto const& device = dynamic_cast<Device&>(entry);
    devices_.erase({device.stream.value, device.device});
}

void RowCache::evict(std::size_t rows_max) {
    // Rows that are needed go to the end of the queue, so that the next call does not look at them
    // first; a call's work is bounded by what it has to free.
    constexpr std::size_t kLooksPerRow = 4;
    std::size_t looks = used_.size() > rows_max ? (used_.size() - rows_max) * kLooksPerRow : 0;
    for (; looks > 0 && used_.size() > rows_max; --looks) {
        auto& oldest = *used_.front();
        bool const needed = oldest.dirty || oldest.unsettled || oldest.taken_by > committed_;
        if (needed) {
            touch(oldest);
        } else {
            forget(oldest);
        }
    }
}

}  // namespace capstan
