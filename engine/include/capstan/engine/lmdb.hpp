#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct MDB_cursor;
struct MDB_env;
struct MDB_txn;

/// LMDB (http://www.lmdb.tech/doc/, 0.9.24) for derived state and for a device's outbox: sorted
/// tables of byte strings with transactions that are on the disk when `write` returns.
///
/// Rules, kept here or by the caller:
/// - One environment per directory and process; a second one would drop the first one's file locks.
/// - One thread writes. Read transactions may run in any thread, next to the writer, see the state
///   of the last commit, and are short: a long one keeps old pages, and the file grows.
/// - A thread that holds a read transaction begins no other one and does not call `write`: growing
///   the map waits for all read transactions to end, and lets no new one begin.
/// - No duplicate keys (MDB_DUPSORT has known bugs in 0.9.24); keys are 1 to `kKeyBytesMax` bytes.
/// - An environment does not survive `fork`.
namespace capstan::lmdb {

inline constexpr std::size_t kKeyBytesMax = 511;

struct Options {
    std::filesystem::path directory;                 // made if missing; holds data.mdb and lock.mdb
    std::size_t map_bytes = std::size_t{256} << 20;  // address space at first, not disk space
    std::size_t map_bytes_max = std::size_t{1} << 40;  // beyond: `storage_full`
    unsigned tables_max = 16;
    unsigned readers_max = 126;
};

/// A named table of an environment. A handle: copied freely, valid as long as the environment.
class Table {
  private:
    friend class Environment;
    friend class ReadTransaction;
    friend class WriteTransaction;
    explicit Table(unsigned handle) : handle_(handle) {}
    unsigned handle_;
};

/// Key and value of one row; views into the map, valid while the transaction lives and, inside a
/// write transaction, until its next change.
struct Row {
    ByteView key;
    ByteView value;
};

/// Walks a table in key order (bytewise). It ends before its transaction does.
class Cursor {
  public:
    Cursor(Cursor&& other) noexcept : cursor_(std::exchange(other.cursor_, nullptr)) {}
    Cursor& operator=(Cursor&&) = delete;
    ~Cursor();

    /// Each goes to a row and returns it, or nothing where there is none.
    Result<std::optional<Row>> first();
    Result<std::optional<Row>> last();
    Result<std::optional<Row>> seek(ByteView key);  // the first row whose key is at or behind `key`
    Result<std::optional<Row>> next();              // the first row on a new cursor

    /// Deletes the row that the cursor is on; `next` goes on behind it. Write transactions only.
    Result<> erase();

  private:
    friend class ReadTransaction;
    friend class WriteTransaction;
    explicit Cursor(MDB_cursor* cursor) : cursor_(cursor) {}
    Result<std::optional<Row>> move(int operation, ByteView key = {});
    MDB_cursor* cursor_;
};

class Environment;

/// The state of the last commit, unchanged while this lives. Stays in one function and thread.
class ReadTransaction {
  public:
    ReadTransaction(ReadTransaction&& other) noexcept
        : environment_(other.environment_),
          txn_(std::exchange(other.txn_, nullptr)),
          map_in_use_(std::move(other.map_in_use_)) {}
    ReadTransaction& operator=(ReadTransaction&&) = delete;
    ~ReadTransaction();

    /// Valid as long as this. Errors: `index_damaged`.
    Result<std::optional<ByteView>> get(Table table, ByteView key) const;
    Result<Cursor> cursor(Table table) const;
    Result<std::uint64_t> rows(Table table) const;

  private:
    friend class Environment;
    ReadTransaction(Environment& environment,
                    MDB_txn* txn,
                    std::shared_lock<std::shared_mutex> map_in_use)
        : environment_(&environment), txn_(txn), map_in_use_(std::move(map_in_use)) {}
    Environment* environment_;
    MDB_txn* txn_;
    std::shared_lock<std::shared_mutex> map_in_use_;
};

/// Changes that are committed together, or not at all. Exists only inside `Environment::write`.
/// Errors of all its functions: `index_damaged`, `storage_full`, `disk_io`.
class WriteTransaction {
  public:
    WriteTransaction(WriteTransaction const&) = delete;
    WriteTransaction& operator=(WriteTransaction const&) = delete;

    Result<std::optional<ByteView>> get(Table table, ByteView key) const;
    Result<> put(Table table, ByteView key, ByteView value);
    /// Faster than `put`. Precondition: `key` is behind all keys of the table.
    Result<> append(Table table, ByteView key, ByteView value);
    Result<> erase(Table table, ByteView key);  // a missing row is no error
    Result<Cursor> cursor(Table table);

  private:
    friend class Environment;
    explicit WriteTransaction(MDB_txn* txn) : txn_(txn) {}
    Result<> put(Table table, ByteView key, ByteView value, unsigned flags);
    MDB_txn* txn_;
    bool map_full_ = false;
};

/// How much an environment takes; a file that grows while its rows do not has a reader that stays.
struct Usage {
    std::uint64_t file_bytes = 0;
    std::uint64_t map_bytes = 0;
    unsigned readers = 0;  // slots in use, those of dead processes too
};

/// One LMDB environment: a directory with a data file and a lock file.
class Environment {
  public:
    /// Checks the data file's size and meta pages before mapping it, so that a cut or foreign file
    /// is an error and no SIGBUS; then clears the slots of readers that died.
    /// Errors: `index_damaged` (delete the directory), `format_unknown`, `disk_io`, `storage_full`,
    /// `internal` (this process has it open already).
    static Result<std::unique_ptr<Environment>> open(Options const& options);
    ~Environment();
    Environment(Environment const&) = delete;
    Environment& operator=(Environment const&) = delete;

    /// Opens a table, made if missing. At start-up, before other threads use the environment.
    Result<Table> table(std::string_view name);

    /// Errors: `index_damaged`, `overloaded` (all reader slots are taken), `disk_io`.
    Result<ReadTransaction> read();

    /// Runs `body` in a write transaction and commits: when this returns success, all of it is on
    /// the disk. An error of `body` or of the commit undoes everything. A full map is grown, and
    /// `body` runs again from the start: it must not change anything else.
    /// After an error the same changes may be tried again. A commit writes only pages that no older
    /// state uses, and the pages of a failed one are referred to by nothing: what a failed flush
    /// left of them does not matter.
    Result<> write(std::function<Result<>(WriteTransaction&)> const& body);

    /// Clears the reader slots of processes that died and returns how many. Now and then: such a
    /// slot keeps old pages as a live reader does.
    Result<unsigned> reap_readers();
    Usage usage() const;

  private:
    friend class ReadTransaction;
    struct OpenMark;

    explicit Environment(Options options);
    Result<> start();
    Result<MDB_txn*> begin_read();
    Result<> try_write(std::function<Result<>(WriteTransaction&)> const& body, bool& map_full);
    Result<> grow_map();
    Result<> adopt_map_size();
    Result<> extend_file();
    void put_back(MDB_txn* txn);

    Options options_;
    std::unique_ptr<OpenMark> open_mark_;
    MDB_env* env_ = nullptr;
    std::mutex write_mutex_;              // one writer at a time
    std::shared_mutex map_gate_;          // shared by read transactions, exclusive to move the map
    std::mutex turnstile_;                // passed on the way to the gate: readers that keep coming
                                          // would never let the one who moves the map in
    std::mutex idle_mutex_;               // guards idle_readers_
    std::vector<MDB_txn*> idle_readers_;  // reset read transactions, to be renewed
};

}  // namespace capstan::lmdb
