#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/server/session/options.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace capstan {

/// Token buckets of events and bytes per device and stream. A bucket that still holds something
/// lets a run pass and may be overdrawn by it, so that no run is too large for its bucket.
///
/// A bucket is kept as the time at which it will be full again. One that is full says nothing and
/// is forgotten, so memory is that of the devices that published within the last burst.
class RateLimiter {
  public:
    explicit RateLimiter(PublishRates const& rates) : rates_(rates) {}

    /// Takes a run's share; or takes nothing and returns how long to wait.
    std::optional<Duration> take(DeviceId const& device,
                                 std::string_view stream,
                                 std::uint64_t events,
                                 std::uint64_t bytes,
                                 Instant now);

    std::size_t size() const { return buckets_.size(); }

  private:
    struct Key {
        DeviceId device;
        std::uint64_t stream = 0;  // hash of its name
        friend bool operator==(Key const&, Key const&) = default;
    };
    struct KeyHash {
        std::size_t operator()(Key const& key) const {
            return hash64(key.device.bytes) ^ key.stream;
        }
    };
    struct Buckets {
        Instant events_full;
        Instant bytes_full;
    };

    void forget_full(Instant now);

    PublishRates rates_;
    std::unordered_map<Key, Buckets, KeyHash> buckets_;
    std::size_t sweep_at_ = 1'024;  // size at which a sweep pays
};

}  // namespace capstan
