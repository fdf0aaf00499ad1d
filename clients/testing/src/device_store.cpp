#include "device_store.hpp"

#include <algorithm>
#include <capstan/engine/sync/store.hpp>
#include <capstan/schema/run.hpp>
#include <utility>

namespace capstan::testing {
namespace {

class Store final : public ClientStore {
  public:
    explicit Store(std::shared_ptr<StoreDisk> disk) : disk_(std::move(disk)), life_(disk_->life) {}

    Result<std::vector<Record>> load(ByteView prefix) override {
        std::vector<Record> found;
        for (auto const& [key, value] : disk_->records) {
            if (as_text(key).starts_with(as_text(prefix))) {
                found.push_back({key, value});
            }
        }
        return found;
    }
    Result<> write(std::span<sync::Write const> changes) override {
        if (disk_->life != life_) {
            return Error{Errc::storage_failed, "the device is off"};
        }
        for (auto const& change : changes) {
            if (change.value) {
                disk_->records[change.key] = *change.value;
            } else {
                disk_->records.erase(change.key);
            }
        }
        return success();
    }
    bool blocks() const override { return false; }

  private:
    std::shared_ptr<StoreDisk> disk_;
    std::uint64_t life_;
};

bool has_unsent(sync::StoreImage::Stream const& stream) {
    auto const is_open = [&](sync::RunRecord const& record) {
        auto const run = RunView::decode(record.run);
        return run && run.value().last_link().counter > stream.outbox.confirmed.counter;
    };
    return !stream.mutations.empty() || std::ranges::any_of(stream.runs, is_open);
}

}  // namespace

std::unique_ptr<ClientStore> make_store(std::shared_ptr<StoreDisk> disk) {
    return std::make_unique<Store>(std::move(disk));
}

std::string unsent_in(StoreImage const& records) {
    std::vector<sync::StoredRecord> views;
    for (auto const& [key, value] : records) {
        views.push_back({key, value});
    }
    auto const image = sync::load(views);
    if (!image) {
        return "its store can't be read: " + to_string(image.error());
    }
    for (auto const& [name, stream] : image.value().streams) {
        if (has_unsent(stream)) {
            return name + " has writes in the outbox";
        }
    }
    return {};
}

}  // namespace capstan::testing
