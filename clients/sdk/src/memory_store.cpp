#include <algorithm>
#include <capstan/sdk/store.hpp>
#include <map>
#include <utility>

namespace capstan {
namespace {

class MemoryStore final : public ClientStore {
  public:
    explicit MemoryStore(std::vector<Record> records) {
        for (auto& record : records) {
            records_[std::move(record.key)] = std::move(record.value);
        }
    }
    Result<std::vector<Record>> load(ByteView prefix) override {
        std::vector<Record> found;
        for (auto at = records_.lower_bound(Bytes(prefix.begin(), prefix.end()));
             at != records_.end() && at->first.size() >= prefix.size() &&
             std::equal(prefix.begin(), prefix.end(), at->first.begin());
             ++at) {
            found.push_back({at->first, at->second});
        }
        return found;
    }
    Result<> write(std::span<sync::Write const> changes) override {
        for (auto const& change : changes) {
            if (change.value) {
                records_[change.key] = *change.value;
            } else {
                records_.erase(change.key);
            }
        }
        return success();
    }
    bool blocks() const override { return false; }

  private:
    std::map<Bytes, Bytes> records_;
};

}  // namespace

std::unique_ptr<ClientStore> make_memory_store(std::vector<ClientStore::Record> records) {
    return std::make_unique<MemoryStore>(std::move(records));
}

}  // namespace capstan
