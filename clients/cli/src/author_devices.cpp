#include "author_devices.hpp"

#include <utility>

namespace capstan::cli {
namespace {

/// A run is as large as this, or holds so many events; what is larger travels alone.
constexpr std::size_t kRunBytes = 64 * 1'024;
constexpr std::size_t kRunEvents = 256;
constexpr std::size_t kRunsWaitingMax = 16;

/// A store that several clients use one after another.
class LastingStore final : public ClientStore {
  public:
    explicit LastingStore(std::shared_ptr<ClientStore> store) : store_(std::move(store)) {}
    Result<std::vector<Record>> load() override { return store_->load(); }
    Result<> write(std::span<sync::Write const> changes) override { return store_->write(changes); }
    bool blocks() const override { return store_->blocks(); }

  private:
    std::shared_ptr<ClientStore> store_;
};

void add(std::vector<ClientStore::Record>& records, Bytes key, auto const& record) {
    auto value = sync::encode(key, record);
    records.push_back({std::move(key), std::move(value)});
}

}  // namespace

AuthorDevices::AuthorDevices(Remote const& remote,
                             StreamName stream,
                             Generation generation,
                             std::map<DeviceId, importers::GitReplay::Author> const& known)
    : remote_(remote), stream_(std::move(stream)), generation_(generation), known_(known) {}

std::shared_ptr<ClientStore> AuthorDevices::first_store(DeviceId const& device) const {
    std::vector<ClientStore::Record> records;
    sync::DeviceRecord identity{.device = device};
    if (auto const known = known_.find(device); known != known_.end()) {
        auto const& author = known->second;
        identity.attempt_ordinal = author.last.attempt.ordinal();
        add(records,
            sync::outbox_key(stream_.str()),
            sync::OutboxRecord{.generation = generation_,
                               .confirmed = author.last,
                               .preceding_seq = author.preceding_seq,
                               .attempt = author.last.attempt});
    }
    add(records, sync::device_key(), identity);
    return make_memory_store(std::move(records));
}

Result<Stream> AuthorDevices::stream_of(DeviceId const& id) {
    auto& device = devices_[id];
    if (device.client) {
        connected_.splice(connected_.begin(), connected_, device.used);
        return device.client->stream(stream_);
    }
    if (connected_.size() == kConnectedMax) {
        devices_[connected_.back()].client.reset();
        connected_.pop_back();
    }
    if (!device.store) {
        device.store = first_store(id);
    }
    CAPSTAN_TRY(auto client, remote_.device(std::make_unique<LastingStore>(device.store)));
    device.client.emplace(std::move(client));
    connected_.push_front(id);
    device.used = connected_.begin();
    return device.client->stream(stream_);
}

Result<> OrderedPublisher::add(DeviceId const& device, Bytes event) {
    bool const is_full =
        run_.size() == kRunEvents || (!run_.empty() && run_bytes_ + event.size() > kRunBytes);
    if (device != device_ || is_full) {
        CAPSTAN_TRY(flush());
    }
    if (device != device_) {
        CAPSTAN_TRY(wait(0));
        device_ = device;
    }
    run_bytes_ += event.size();
    bytes_ += event.size();
    run_.push_back(std::move(event));
    return success();
}

Result<> OrderedPublisher::finish() {
    CAPSTAN_TRY(flush());
    return wait(0);
}

Result<> OrderedPublisher::flush() {
    if (run_.empty()) {
        return success();
    }
    CAPSTAN_TRY(wait(kRunsWaitingMax - 1));
    CAPSTAN_TRY(auto const stream, devices_.stream_of(device_));
    Seq const before{next_.value - 1};
    auto const events = run_.size();
    next_ = next_.plus(events);
    run_bytes_ = 0;
    {
        std::lock_guard const lock(shared_->mutex);
        shared_->runs_waiting += 1;
    }
    stream.publish(std::exchange(run_, {}),
                   {.expect_head = before, .preceding = before},
                   [shared = shared_, events](WriteUpdate const& update) {
                       std::lock_guard const lock(shared->mutex);
                       if (update.state == WriteState::confirmed) {
                           shared->confirmed += events;
                       } else if (update.error && !shared->error) {
                           shared->error = update.error;
                       }
                       shared->runs_waiting -= update.is_final() ? 1 : 0;
                       shared->changed.notify_all();
                   });
    return success();
}

Result<> OrderedPublisher::wait(std::size_t runs_waiting_max) {
    std::unique_lock lock(shared_->mutex);
    for (auto confirmed = shared_->confirmed; !shared_->error;) {
        auto const moved = [&] {
            return shared_->runs_waiting <= runs_waiting_max || shared_->error ||
                   shared_->confirmed != confirmed;
        };
        if (!shared_->changed.wait_for(lock, timeout_, moved)) {
            return Error{Errc::timed_out, "no answer to a publish"};
        }
        if (shared_->runs_waiting <= runs_waiting_max) {
            return success();
        }
        confirmed = shared_->confirmed;
    }
    return *shared_->error;
}

void OrderedPublisher::interrupt() {
    std::lock_guard const lock(shared_->mutex);
    shared_->error = shared_->error.value_or(Error{Errc::cancelled, "interrupted"});
    shared_->changed.notify_all();
}

std::uint64_t OrderedPublisher::confirmed() const {
    std::lock_guard const lock(shared_->mutex);
    return shared_->confirmed;
}

}  // namespace capstan::cli
