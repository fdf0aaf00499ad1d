#include "author_devices.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace capstan::cli {
namespace {

/// A connection costs as much as many publishes, so many are kept; some descriptors are for others.
std::size_t connected_max() {
    constexpr std::size_t kMost = 1'024;
    rlimit descriptors{};
    bool const known = ::getrlimit(RLIMIT_NOFILE, &descriptors) == 0;
    return known ? std::clamp<std::size_t>(descriptors.rlim_cur / 4 * 3, 16, kMost) : 16;
}

/// A store that several clients use one after another.
class LastingStore final : public ClientStore {
  public:
    explicit LastingStore(std::shared_ptr<ClientStore> store) : store_(std::move(store)) {}
    Result<std::vector<Record>> load(ByteView prefix) override { return store_->load(prefix); }
    Result<> write(std::span<sync::Write const> changes) override { return store_->write(changes); }
    bool blocks() const override { return store_->blocks(); }

  private:
    std::shared_ptr<ClientStore> store_;
};

sync::Write write_of(Bytes key, auto const& record) {
    auto value = sync::encode(key, record);
    return {std::move(key), std::move(value)};
}

/// The device's record as its clients have left it.
Result<sync::DeviceRecord> identity_in(ClientStore& store, DeviceId const& device) {
    CAPSTAN_TRY(auto const records, store.load({}));
    std::vector<sync::StoredRecord> views;
    for (auto const& record : records) {
        views.push_back({record.key, record.value});
    }
    CAPSTAN_TRY(auto const image, sync::load(views));
    return image.device.value_or(sync::DeviceRecord{.device = device});
}

}  // namespace

AuthorDevices::AuthorDevices(Remote const& remote)
    : remote_(remote), connected_max_(connected_max()) {}

AuthorDevices::~AuthorDevices() {
    for (auto& [id, device] : devices_) {
        if (device.client) {
            disconnect(device);
        }
    }
    for (auto& [id, device] : devices_) {
        if (device.stopping.valid()) {
            device.stopping.wait();
        }
    }
}

void AuthorDevices::know(StreamName const& stream,
                         Generation generation,
                         std::map<DeviceId, importers::AuthorState> const& authors) {
    for (auto const& [id, state] : authors) {
        devices_[id].news.push_back({stream, generation, state});
    }
}

Result<std::optional<Stream>> AuthorDevices::begin(DeviceId const& id, StreamName const& stream) {
    auto& device = devices_[id];
    auto const is_news = [&stream](News const& news) { return news.stream == stream; };
    if (device.client && std::ranges::any_of(device.news, is_news)) {
        if (device.under_way > 0) {
            return std::optional<Stream>();
        }
        disconnect(device);
    }
    if (device.client) {
        connected_.splice(connected_.begin(), connected_, device.used);
    } else {
        make_room();
        CAPSTAN_TRY(connect(id, device));
    }
    device.under_way += 1;
    return std::optional(device.client->stream(stream));
}

void AuthorDevices::end(DeviceId const& id) {
    auto& device = devices_.at(id);
    CAPSTAN_INVARIANT(device.under_way > 0);
    device.under_way -= 1;
}

Result<> AuthorDevices::connect(DeviceId const& id, Device& device) {
    if (device.stopping.valid()) {
        device.stopping.get();
    }
    if (!device.store) {
        device.store = make_memory_store();
        std::vector const first{write_of(sync::device_key(), sync::DeviceRecord{.device = id})};
        CAPSTAN_TRY(device.store->write(first));
    }
    CAPSTAN_TRY(store_news(id, device));
    CAPSTAN_TRY(auto client, remote_.device(std::make_unique<LastingStore>(device.store)));
    device.client.emplace(std::move(client));
    connected_.push_front(id);
    device.used = connected_.begin();
    return success();
}

Result<> AuthorDevices::store_news(DeviceId const& id, Device& device) {
    if (device.news.empty()) {
        return success();
    }
    CAPSTAN_TRY(auto identity, identity_in(*device.store, id));
    std::vector<sync::Write> changes;
    for (auto const& news : std::exchange(device.news, {})) {
        auto const& last = news.state.last;
        identity.attempt_ordinal = std::max(identity.attempt_ordinal, last.attempt.ordinal());
        changes.push_back(write_of(sync::outbox_key(news.stream.str()),
                                   sync::OutboxRecord{.generation = news.generation,
                                                      .confirmed = last,
                                                      .preceding_seq = news.state.preceding_seq,
                                                      .attempt = last.attempt}));
    }
    changes.push_back(write_of(sync::device_key(), identity));
    return device.store->write(changes);
}

void AuthorDevices::disconnect(Device& device) {
    connected_.erase(device.used);
    device.stopping = std::move(*device.client).stop();
    device.client.reset();
}

/// The device that has been at rest for longest goes.
void AuthorDevices::make_room() {
    if (connected_.size() < connected_max_) {
        return;
    }
    auto const idle = std::find_if(connected_.rbegin(), connected_.rend(), [this](auto const& id) {
        return devices_.at(id).under_way == 0;
    });
    if (idle != connected_.rend()) {
        disconnect(devices_.at(*idle));
    }
}

}  // namespace capstan::cli
