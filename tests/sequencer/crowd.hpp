// A crowd of devices that publish to a partition, and what they may expect of it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "partition_world.hpp"

namespace capstan::test {

inline DeviceId device(std::uint64_t seed) {
    DeviceId id;
    store(id.bytes.data(), seed + 1);
    return id;
}

/// What a crowd of devices published and what was acknowledged of it.
class Crowd {
  public:
    /// Devices `first_device`.. publish to streams that begin with `room`.
    Crowd(PartitionWorld& world,
          std::size_t streams,
          std::size_t devices,
          std::string const& room = "acme/room/",
          std::uint64_t first_device = 0);

    /// Publishes `runs` runs at random; answers come while later ones are under way. A device sends
    /// the next run without waiting.
    void publish(std::size_t runs);

    /// After a crash each device sends again what has no answer; all of it is accepted once.
    void send_again();

    void take_answers();

    /// I1 to I4, I8: everything acknowledged is where its answer said, seqs are dense, a device's
    /// events are in its order, and nothing is there that nobody sent.
    void check();

  private:
    struct Sent {
        std::vector<std::string> events;
        Bytes record;
        std::uint64_t token = 0;
        std::optional<Seq> first{};
    };
    struct One {
        Author author;
        std::vector<Sent> sent{};
    };
    void check_no_phantom(std::map<std::string, std::vector<std::string>> const& tapes);

    PartitionWorld& world_;
    std::vector<One> authors_;
    std::size_t made_ = 0;
};

}  // namespace capstan::test
