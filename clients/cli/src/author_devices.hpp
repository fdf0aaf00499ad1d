#pragma once
#include <capstan/importers/author.hpp>
#include <cstdint>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "remote.hpp"

namespace capstan::cli {

/// The devices of an import: a client for each author, in memory, some of them connected at a time.
///
/// A device starts with what its streams say of it, so an import needs no state of its own: whoever
/// reads the streams can go on. Its store outlives its connection.
/// Threading: one thread, not the runtime's.
class AuthorDevices {
  public:
    explicit AuthorDevices(Remote const& remote);
    ~AuthorDevices();
    AuthorDevices(AuthorDevices const&) = delete;
    AuthorDevices& operator=(AuthorDevices const&) = delete;

    /// What the stream holds of its authors. Before the first `begin` in this stream.
    void know(StreamName const& stream,
              Generation generation,
              std::map<DeviceId, importers::AuthorState> const& authors);

    /// A handle to publish as this device, which has work under way until `end`, once for each
    /// `begin`. Nothing: the device is to start anew with what is known of it in this stream, once
    /// what it has under way elsewhere is done. Errors: as `Client::open`.
    Result<std::optional<Stream>> begin(DeviceId const& device, StreamName const& stream);
    void end(DeviceId const& device);

    std::size_t count() const { return devices_.size(); }

  private:
    struct News {
        StreamName stream;
        Generation generation;
        importers::AuthorState state;
    };
    struct Device {
        std::shared_ptr<ClientStore> store;
        std::vector<News> news;  // not in the store yet
        std::optional<Client> client;
        std::future<void> stopping;          // the client before
        std::list<DeviceId>::iterator used;  // in `connected_`, where there is a client
        std::uint32_t under_way = 0;
    };
    Result<> connect(DeviceId const& id, Device& device);
    Result<> store_news(DeviceId const& id, Device& device);
    void disconnect(Device& device);
    void make_room();

    Remote const& remote_;
    std::size_t const connected_max_;  // more only while all of them have work under way
    /// Ids of devices are as good as random.
    struct HashOfDevice {
        std::size_t operator()(DeviceId const& device) const {
            return load<std::size_t>(device.bytes.data());
        }
    };
    std::unordered_map<DeviceId, Device, HashOfDevice> devices_;
    std::list<DeviceId> connected_;  // the one used last in front
};

}  // namespace capstan::cli
