#pragma once
#include <boost/unordered/unordered_flat_map.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/sequencer/checkpoint_store.hpp>
#include <capstan/sequencer/fold_hash.hpp>
#include <capstan/sequencer/fold_rows.hpp>
#include <compare>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

namespace capstan {

/// The fold's rows in memory: those in use, and those that the checkpoint store doesn't have yet.
/// The rest is on disk and loaded when it is named, so idle streams cost no memory.
///
/// A row that changed is *dirty* until a checkpoint takes it, and stays until that checkpoint is
/// committed: before, the store would load an older one.
/// Lifetime: entries stay where they are until `evict`. Threading: the strand.
/// Errors of all that load: those of CheckpointStore.
class RowCache {
  public:
    struct Entry {
        HashShare share;
        std::uint64_t taken_by = 0;  // the last checkpoint that took this row
        bool dirty = false;          // changed since a checkpoint took it
        bool unsettled = false;      // changed since `share` was counted
        bool used = true;            // since `evict` last looked at it
        virtual ~Entry() = default;
    };
    static constexpr std::uint32_t kNoMove = 0xffff'ffff;
    struct Stream final : Entry {
        std::uint32_t move = kNoMove;  // its place in the partition's list of moves
        StreamRow row;
        Position changed;  // of the last change that readers see
    };
    struct Device final : Entry {
        StreamNumber stream;
        Hash128 stream_hash;  // chain_start of the stream's name
        DeviceId device;
        DeviceRow row;
    };

    explicit RowCache(CheckpointStore& store) : store_(store) {}

    /// Nothing if the stream has left no trace.
    Result<Stream*> find_stream(std::string_view name);
    Result<Stream*> find_stream(StreamNumber number);
    Result<Device*> find_device(StreamNumber stream, DeviceId const& device);

    /// Fetches into the processor's cache what stands in memory of rows that are needed soon. Of
    /// several runs in a row, this takes hardly longer than for one: they do not wait for each
    /// other.
    void prefetch(std::string_view stream, DeviceId const& device) const;

    /// The row of a stream or device that is about to leave its first trace.
    Stream& add_stream(StreamRow row, Position changed);
    Device& add_device(Stream const& stream, DeviceId const& device, DeviceRow row);

    /// To be called after each change of a row.
    void changed(Stream& stream);
    void changed(Device& device);

    /// Counts what changed since the last call into the partition's state hash.
    void settle(PartitionRow& partition);

    /// Hands each dirty row to the visitor; they are clean afterwards, and kept until checkpoint
    /// `number` is committed.
    template <class OnStream, class OnDevice>
    void take_dirty(std::uint64_t number, OnStream on_stream, OnDevice on_device) {
        for (auto* stream : dirty_streams_) {
            take(*stream, number);
            on_stream(*stream);
        }
        for (auto* device : dirty_devices_) {
            take(*device, number);
            on_device(*device);
        }
        dirty_streams_.clear();
        dirty_devices_.clear();
    }
    std::size_t dirty() const { return dirty_streams_.size() + dirty_devices_.size(); }

    /// Checkpoints up to `number` are committed.
    void committed(std::uint64_t number) { committed_ = number; }
    /// Forgets rows that were not used since it last looked at them, until `rows_max` are left or
    /// the rest is needed (the clock algorithm: a row in use costs a flag, not a place in a list).
    /// Looks at `looks_max` rows at the most: all may be needed until the next checkpoint.
    void evict(std::size_t rows_max, std::size_t looks_max);
    std::size_t size() const { return clock_.size(); }

  private:
    Result<Stream*> loaded(std::optional<StoredStream> const& stored);

    struct DeviceKey {
        std::uint32_t stream;
        DeviceId device;
        friend bool operator==(DeviceKey const&, DeviceKey const&) = default;
    };
    struct DeviceKeyHash {
        std::size_t operator()(DeviceKey const& key) const {
            return DeviceIdHash{}(key.device) ^ (key.stream * std::size_t{0x9e3779b97f4a7c15});
        }
    };
    struct NameHash {
        std::size_t operator()(std::string_view name) const;
    };

    static void take(Entry& entry, std::uint64_t number) {
        entry.dirty = false;
        entry.taken_by = number;
    }
    void forget(Entry& entry);

    CheckpointStore& store_;
    /// Keys are the names in the rows.
    boost::unordered_flat_map<std::string_view, std::unique_ptr<Stream>, NameHash> streams_;
    boost::unordered_flat_map<std::uint32_t, Stream*> by_number_;
    boost::unordered_flat_map<DeviceKey, std::unique_ptr<Device>, DeviceKeyHash> devices_;
    std::deque<Entry*> clock_;  // in the order in which `evict` looks at them
    std::vector<Stream*> dirty_streams_;
    std::vector<Device*> dirty_devices_;
    std::vector<Stream*> unsettled_streams_;
    std::vector<Device*> unsettled_devices_;
    std::uint64_t committed_ = 0;
};

}  // namespace capstan
