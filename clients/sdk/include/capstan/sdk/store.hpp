#pragma once
#include <capstan/engine/sync/effects.hpp>
#include <capstan/engine/sync/store.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace capstan {

/// Where a client keeps what must outlive it: its device id, its cursors, its outbox, its models.
/// Threading: `write` and `load` one call each at a time; both may block.
class ClientStore {
  public:
    struct Record {
        Bytes key;
        Bytes value;
    };

    virtual ~ClientStore() = default;
    /// The records whose keys begin with this, in order of key. Called on another thread than
    /// `write`, also while that is at work.
    virtual Result<std::vector<Record>> load(ByteView prefix) = 0;
    /// All of it or nothing; when this returns it survives what the store promises to survive.
    virtual Result<> write(std::span<sync::Write const> changes) = 0;
    /// Whether `write` may wait for a disk, and so gets a thread of its own.
    virtual bool blocks() const = 0;
};

/// Gone with the client. `records` is what it holds at first.
std::unique_ptr<ClientStore> make_memory_store(std::vector<ClientStore::Record> records = {});

/// A folder, made if missing: what is written survives crashes and power loss. One process at a
/// time has it open. Errors: `journal_locked` (another one has; the detail names it), `disk_io`,
/// `index_damaged`, `format_unknown`.
Result<std::unique_ptr<ClientStore>> open_disk_store(std::string const& directory);

}  // namespace capstan
