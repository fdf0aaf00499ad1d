#include <algorithm>
#include <capstan/engine/lmdb.hpp>
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/sdk/store.hpp>
#include <utility>

namespace capstan {
namespace {

constexpr char kLockName[] = "lock";
constexpr char kTableName[] = "client";

class DiskStore final : public ClientStore {
  public:
    DiskStore(std::unique_ptr<PosixStorage> folder,
              std::unique_ptr<StorageLock> lock,
              std::unique_ptr<lmdb::Environment> environment,
              lmdb::Table table)
        : folder_(std::move(folder)),
          lock_(std::move(lock)),
          environment_(std::move(environment)),
          table_(table) {}

    Result<std::vector<Record>> load(ByteView prefix) override {
        CAPSTAN_TRY(auto reading, environment_->read());
        CAPSTAN_TRY(auto cursor, reading.cursor(table_));
        std::vector<Record> found;
        CAPSTAN_TRY(auto row, prefix.empty() ? cursor.first() : cursor.seek(prefix));
        while (row && row->key.size() >= prefix.size() &&
               std::ranges::equal(row->key.first(prefix.size()), prefix)) {
            found.push_back({Bytes(row->key.begin(), row->key.end()),
                             Bytes(row->value.begin(), row->value.end())});
            CAPSTAN_TRY(row, cursor.next());
        }
        return found;
    }

    Result<> write(std::span<sync::Write const> changes) override {
        return environment_->write([&](lmdb::WriteTransaction& transaction) -> Result<> {
            for (auto const& change : changes) {
                CAPSTAN_TRY(change.value ? transaction.put(table_, change.key, *change.value)
                                         : transaction.erase(table_, change.key));
            }
            return success();
        });
    }
    bool blocks() const override { return true; }

  private:
    std::unique_ptr<PosixStorage> folder_;
    std::unique_ptr<StorageLock> lock_;
    std::unique_ptr<lmdb::Environment> environment_;
    lmdb::Table table_;
};

}  // namespace

Result<std::unique_ptr<ClientStore>> open_disk_store(std::string const& directory) {
    CAPSTAN_TRY(auto folder, PosixStorage::open_or_create(directory));
    CAPSTAN_TRY(auto lock, folder->lock(kLockName));
    CAPSTAN_TRY(auto environment,
                lmdb::Environment::open({.directory = directory + "/outbox", .tables_max = 1}));
    CAPSTAN_TRY(auto const table, environment->table(kTableName));
    return std::unique_ptr<ClientStore>(std::make_unique<DiskStore>(
        std::move(folder), std::move(lock), std::move(environment), table));
}

}  // namespace capstan
