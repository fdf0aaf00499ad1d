#include <algorithm>
#include <capstan/sequencer/memory_checkpoint_store.hpp>

namespace capstan {

Result<> MemoryCheckpointStore::storage_call() const {
    auto const call = calls_++;
    if (failure_ && failure_->first == call) {
        auto const how = failure_->second;
        failure_.reset();
        return Error{how, "storage call " + std::to_string(call)};
    }
    return success();
}

void MemoryCheckpointStore::fail_after(std::size_t calls, Errc how) {
    failure_.emplace(calls_ + calls, how);
}

Result<std::optional<Checkpoint>> MemoryCheckpointStore::load() const {
    CAPSTAN_TRY(storage_call());
    return checkpoint_;
}

Result<std::optional<StoredStream>> MemoryCheckpointStore::stream(std::string_view name) const {
    CAPSTAN_TRY(storage_call());
    auto const found = names_.find(name);
    return found == names_.end() ? std::nullopt : std::optional(streams_.at(found->second));
}

Result<std::optional<StoredStream>> MemoryCheckpointStore::stream(StreamNumber number) const {
    CAPSTAN_TRY(storage_call());
    auto const found = streams_.find(number);
    return found == streams_.end() ? std::nullopt : std::optional(found->second);
}

Result<std::optional<Bytes>> MemoryCheckpointStore::device(StreamNumber stream,
                                                           DeviceId const& device) const {
    CAPSTAN_TRY(storage_call());
    auto const found = devices_.find({stream, device});
    return found == devices_.end() ? std::nullopt : std::optional(found->second);
}

Result<StreamPage> MemoryCheckpointStore::list(StreamPattern const& pattern,
                                               std::string_view after,
                                               std::size_t limit) const {
    CAPSTAN_TRY(storage_call());
    auto const prefix = literal_prefix(pattern);
    StreamPage page;
    std::size_t scanned = 0;
    auto name = after < prefix ? names_.lower_bound(prefix) : names_.upper_bound(after);
    for (; name != names_.end() && name->first.starts_with(prefix); ++name) {
        if (page.streams.size() == limit || scanned == kListScanMax) {
            page.resume_after = std::prev(name)->first;
            break;
        }
        ++scanned;
        if (pattern.matches(name->first)) {
            page.streams.push_back({name->first, name->second});
        }
    }
    return page;
}

Result<std::vector<StreamChange>> MemoryCheckpointStore::changed_after(Position position,
                                                                       std::size_t limit) const {
    CAPSTAN_TRY(storage_call());
    std::vector<StreamChange> changes;
    auto change = changes_.upper_bound(position);
    for (; change != changes_.end() && changes.size() < limit; ++change) {
        changes.push_back({change->first, change->second});
    }
    return changes;
}

Result<std::vector<StreamLinks>> MemoryCheckpointStore::links(
    std::span<StreamNumber const> streams) const {
    CAPSTAN_TRY(storage_call());
    std::vector<StreamLinks> result;
    for (auto const stream : streams) {
        auto const found = links_.find(stream);
        result.push_back(found == links_.end() ? StreamLinks() : found->second);
    }
    return result;
}

Result<StoredRuns> MemoryCheckpointStore::runs() const {
    CAPSTAN_TRY(storage_call());
    StoredRuns stored{retired_, {}};
    for (auto const& [key, bytes] : runs_) {
        stored.chunks.push_back({key.first, key.second, bytes});
    }
    return stored;
}

Result<> MemoryCheckpointStore::commit(CheckpointBatch const& batch) {
    CAPSTAN_INVARIANT(!checkpoint_ || checkpoint_->position <= batch.checkpoint.position);
    CAPSTAN_TRY(storage_call());  // write
    in_doubt_ = batch;
    CAPSTAN_TRY(storage_call());  // flush
    in_doubt_.reset();
    apply(batch);
    return success();
}

void MemoryCheckpointStore::crash(bool keep) {
    if (in_doubt_ && keep) {
        apply(*in_doubt_);
    }
    in_doubt_.reset();
    failure_.reset();
}

void MemoryCheckpointStore::apply(CheckpointBatch const& batch) {
    checkpoint_ = batch.checkpoint;
    for (auto const& write : batch.streams) {
        apply(write);
    }
    for (auto const& write : batch.devices) {
        devices_[{write.stream, write.device}] = write.row;
    }
    for (auto const& write : batch.index.links) {
        links_[write.stream] = write.links;
    }
    for (auto const& chunk : batch.index.runs) {
        runs_[{chunk.segment, chunk.first}] = chunk.bytes;
    }
    retired_ = std::max(retired_, batch.index.retired);
    std::erase_if(runs_, [&](auto const& row) { return row.first.first <= retired_; });
}

void MemoryCheckpointStore::apply(StreamWrite const& write) {
    auto& stored = streams_[write.number];
    if (stored.number == StreamNumber{}) {
        stored.number = write.number;
        names_[write.name] = write.number;
    }
    stored.row = write.row;
    if (write.changed != Position{} && write.changed != stored.changed) {
        changes_.erase(stored.changed);
        changes_[write.changed] = write.number;
        stored.changed = write.changed;
    }
}

}  // namespace capstan
