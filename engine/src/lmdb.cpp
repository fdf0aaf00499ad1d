#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <capstan/engine/lmdb.hpp>
#include <cerrno>
#include <set>

#include "lmdb_file.hpp"

namespace capstan::lmdb {
namespace {

Errc class_of(int code) {
    switch (code) {
        case MDB_CORRUPTED:
        case MDB_PAGE_NOTFOUND:
        case MDB_PANIC:
        case MDB_INVALID:
        case MDB_CURSOR_FULL:
        case MDB_PAGE_FULL:
            return Errc::index_damaged;
        case MDB_VERSION_MISMATCH:
            return Errc::format_unknown;
        case MDB_MAP_FULL:
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
            return Errc::storage_full;
        case MDB_READERS_FULL:
            return Errc::overloaded;
        default:
            // LMDB's own codes are negative: the rest of them are misuse, and misuse is ours.
            return code < 0 || code == EINVAL ? Errc::internal : Errc::disk_io;
    }
}

Error failure(int code, std::string_view doing) {
    return Error{class_of(code), "LMDB: " + std::string(doing) + ": " + mdb_strerror(code)};
}

Result<> check(int code, std::string_view doing) {
    if (code != MDB_SUCCESS) {
        return failure(code, doing);
    }
    return success();
}

MDB_val value_of(ByteView bytes) {
    return {bytes.size(), const_cast<std::byte*>(bytes.data())};
}

ByteView view_of(MDB_val const& value) {
    return {static_cast<std::byte const*>(value.mv_data), value.mv_size};
}

Result<std::optional<ByteView>> get_value(MDB_txn* txn, MDB_dbi table, ByteView key) {
    auto wanted = value_of(key);
    MDB_val found{};
    int const code = mdb_get(txn, table, &wanted, &found);
    if (code == MDB_NOTFOUND) {
        return std::optional<ByteView>();
    }
    CAPSTAN_TRY(check(code, "get"));
    return std::optional<ByteView>(view_of(found));
}

Result<MDB_cursor*> open_cursor(MDB_txn* txn, MDB_dbi table) {
    MDB_cursor* cursor = nullptr;
    CAPSTAN_TRY(check(mdb_cursor_open(txn, table, &cursor), "open a cursor"));
    return cursor;
}

Error io_error(std::filesystem::path const& path, int error) {
    return Error{Errc::disk_io,
                 path.string() + ": " + std::error_code(error, std::generic_category()).message()};
}

Result<> make_directory(std::filesystem::path const& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) {
        return io_error(directory, error.value());
    }
    return success();
}

/// LMDB flushes its file, and not the file's name.
Result<> flush_names(std::filesystem::path const& directory) {
    int const descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        return io_error(directory, errno);
    }
    int const failed = ::fsync(descriptor) == 0 ? 0 : errno;
    ::close(descriptor);
    return failed == 0 ? Result<>(success()) : io_error(directory, failed);
}

constexpr char kDataName[] = "data.mdb";
constexpr char kNewName[] = "data.mdb.new";  // until it is on the disk

Result<> write_first_pages(std::filesystem::path const& file, std::size_t map_bytes) {
    MDB_env* env = nullptr;
    CAPSTAN_TRY(check(mdb_env_create(&env), "create"));
    std::unique_ptr<MDB_env, void (*)(MDB_env*)> const closing(env, mdb_env_close);
    CAPSTAN_TRY(check(mdb_env_set_mapsize(env, map_bytes), "set the map size"));
    CAPSTAN_TRY(
        check(mdb_env_open(env, file.c_str(), MDB_NOSUBDIR | MDB_NOLOCK, 0640), "make a file"));
    return check(mdb_env_sync(env, 1), "flush");
}

/// LMDB writes the first pages of a new file without a flush, and a power failure could leave a
/// part of them: a file in which nothing was ever stored, and which cannot be opened. So it gets
/// its name once it is on the disk.
Result<> make_data_file(std::filesystem::path const& directory, std::size_t map_bytes) {
    auto const made = directory / kNewName;
    std::error_code error;
    std::filesystem::remove(made, error);  // of an attempt that was cut short
    CAPSTAN_TRY(write_first_pages(made, map_bytes));
    std::filesystem::rename(made, directory / kDataName, error);
    return error ? io_error(directory, error.value()) : Result<>(success());
}

}  // namespace

/// Remembers which directories this process has open, by device and inode: a second environment on
/// the same files would release the locks of the first one when it is closed.
struct Environment::OpenMark {
    using Directory = std::pair<dev_t, ino_t>;
    Directory directory;

    static Result<std::unique_ptr<OpenMark>> set(std::filesystem::path const& path) {
        struct stat facts {};
        if (::stat(path.c_str(), &facts) != 0) {
            return io_error(path, errno);
        }
        std::lock_guard const lock(mutex());
        Directory const directory{facts.st_dev, facts.st_ino};
        if (!open().insert(directory).second) {
            return Error{Errc::internal, path.string() + " is open in this process already"};
        }
        return std::unique_ptr<OpenMark>(new OpenMark(directory));
    }
    ~OpenMark() {
        std::lock_guard const lock(mutex());
        open().erase(directory);
    }

  private:
    explicit OpenMark(Directory which) : directory(std::move(which)) {}
    static std::mutex& mutex() {
        static std::mutex instance;
        return instance;
    }
    static std::set<Directory>& open() {
        static std::set<Directory> instance;
        return instance;
    }
};

// ---- Cursor

Cursor::~Cursor() {
    if (cursor_ != nullptr) {
        mdb_cursor_close(cursor_);
    }
}

Result<std::optional<Row>> Cursor::move(int operation, ByteView key) {
    auto found_key = value_of(key);
    MDB_val value{};
    int const code =
        mdb_cursor_get(cursor_, &found_key, &value, static_cast<MDB_cursor_op>(operation));
    if (code == MDB_NOTFOUND) {
        return std::optional<Row>();
    }
    CAPSTAN_TRY(check(code, "walk"));
    return std::optional<Row>(Row{view_of(found_key), view_of(value)});
}

Result<std::optional<Row>> Cursor::first() {
    return move(MDB_FIRST);
}

Result<std::optional<Row>> Cursor::last() {
    return move(MDB_LAST);
}

Result<std::optional<Row>> Cursor::seek(ByteView key) {
    return move(MDB_SET_RANGE, key);
}

Result<std::optional<Row>> Cursor::next() {
    return move(MDB_NEXT);
}

Result<> Cursor::erase() {
    return check(mdb_cursor_del(cursor_, 0), "erase");
}

// ---- ReadTransaction

ReadTransaction::~ReadTransaction() {
    if (txn_ != nullptr) {
        environment_->put_back(txn_);
    }
}

Result<std::optional<ByteView>> ReadTransaction::get(Table table, ByteView key) const {
    return get_value(txn_, table.handle_, key);
}

Result<Cursor> ReadTransaction::cursor(Table table) const {
    CAPSTAN_TRY(auto* cursor, open_cursor(txn_, table.handle_));
    return Cursor(cursor);
}

Result<std::uint64_t> ReadTransaction::rows(Table table) const {
    MDB_stat facts{};
    CAPSTAN_TRY(check(mdb_stat(txn_, table.handle_, &facts), "count rows"));
    return std::uint64_t{facts.ms_entries};
}

// ---- WriteTransaction

Result<std::optional<ByteView>> WriteTransaction::get(Table table, ByteView key) const {
    return get_value(txn_, table.handle_, key);
}

Result<> WriteTransaction::put(Table table, ByteView key, ByteView value) {
    return put(table, key, value, 0);
}

Result<> WriteTransaction::append(Table table, ByteView key, ByteView value) {
    return put(table, key, value, MDB_APPEND);
}

Result<> WriteTransaction::put(Table table, ByteView key, ByteView value, unsigned flags) {
    auto raw_key = value_of(key);
    auto raw_value = value_of(value);
    int const code = mdb_put(txn_, table.handle_, &raw_key, &raw_value, flags);
    map_full_ = map_full_ || code == MDB_MAP_FULL;
    return check(code, "put");
}

Result<> WriteTransaction::erase(Table table, ByteView key) {
    auto raw_key = value_of(key);
    int const code = mdb_del(txn_, table.handle_, &raw_key, nullptr);
    map_full_ = map_full_ || code == MDB_MAP_FULL;
    return code == MDB_NOTFOUND ? success() : check(code, "erase");
}

Result<Cursor> WriteTransaction::cursor(Table table) {
    CAPSTAN_TRY(auto* cursor, open_cursor(txn_, table.handle_));
    return Cursor(cursor);
}

// ---- Environment

Environment::Environment(Options options) : options_(std::move(options)) {}

Result<std::unique_ptr<Environment>> Environment::open(Options const& options) {
    CAPSTAN_TRY(make_directory(options.directory));
    std::unique_ptr<Environment> environment(new Environment(options));
    CAPSTAN_TRY(environment->open_mark_, OpenMark::set(options.directory));
    CAPSTAN_TRY(environment->start());
    // Both may have been made just now: a power loss must not take them with what is committed.
    auto const directory = std::filesystem::absolute(options.directory);
    CAPSTAN_TRY(flush_names(directory));
    CAPSTAN_TRY(flush_names(directory.parent_path()));
    return environment;
}

Result<> Environment::start() {
    CAPSTAN_TRY(auto const facts, check_data_file(options_.directory / kDataName));
    if (!facts) {
        CAPSTAN_TRY(make_data_file(options_.directory, options_.map_bytes));
    }
    CAPSTAN_TRY(check(mdb_env_create(&env_), "create"));
    auto const map_bytes = std::max(options_.map_bytes, facts ? facts->map_bytes : 0);
    CAPSTAN_TRY(check(mdb_env_set_mapsize(env_, map_bytes), "set the map size"));
    CAPSTAN_TRY(check(mdb_env_set_maxdbs(env_, options_.tables_max), "set the tables"));
    CAPSTAN_TRY(check(mdb_env_set_maxreaders(env_, options_.readers_max), "set the readers"));
    // NOTLS: a read transaction belongs to its object, not to the thread that made it, so that it
    // can be kept and renewed.
    CAPSTAN_TRY(check(mdb_env_open(env_, options_.directory.c_str(), MDB_NOTLS, 0640), "open"));
    CAPSTAN_TRY(reap());
    return success();
}

Environment::~Environment() {
    close();
}

void Environment::close() {
    std::lock_guard const lock(idle_mutex_);
    for (auto* txn : std::exchange(idle_readers_, {})) {
        mdb_txn_abort(txn);
    }
    if (env_ != nullptr) {
        mdb_env_close(std::exchange(env_, nullptr));
    }
}

Result<> Environment::check_open() const {
    if (env_ == nullptr) {
        return Error{Errc::disk_io, "LMDB: " + options_.directory.string() + " is closed"};
    }
    return success();
}

Result<> Environment::release_memory() {
    std::lock_guard const no_writer(write_mutex_);
    std::lock_guard const no_new_reader(turnstile_);
    std::unique_lock const no_reader(map_gate_);
    close();
    auto reopened = start();
    for (auto name = tables_.begin(); reopened && name != tables_.end(); ++name) {
        auto const table = open_table(*name);
        if (!table) {
            reopened = table.error();
        }
    }
    if (!reopened) {
        close();
    }
    return reopened;
}

Result<Table> Environment::table(std::string_view name) {
    tables_.emplace_back(name);
    return open_table(tables_.back());
}

/// Handles are counted up: tables opened in the same order get the same ones.
Result<Table> Environment::open_table(std::string const& name) {
    MDB_dbi handle = 0;
    MDB_txn* txn = nullptr;
    CAPSTAN_TRY(check(mdb_txn_begin(env_, nullptr, 0, &txn), "begin"));
    int const code = mdb_dbi_open(txn, name.c_str(), MDB_CREATE, &handle);
    if (code != MDB_SUCCESS) {
        mdb_txn_abort(txn);
        return failure(code, "open table " + name);
    }
    CAPSTAN_TRY(check(mdb_txn_commit(txn), "open table " + name));
    return Table(handle);
}

std::shared_lock<std::shared_mutex> Environment::use_map() const {
    std::lock_guard const pass(turnstile_);
    return std::shared_lock(map_gate_);
}

Result<ReadTransaction> Environment::read() {
    auto map_in_use = use_map();
    CAPSTAN_TRY(check_open());
    auto begun = begin_read();
    if (!begun && begun.error().code == Errc::overloaded) {
        CAPSTAN_TRY(reap());
        begun = begin_read();
    }
    CAPSTAN_TRY(auto* txn, std::move(begun));
    return ReadTransaction(*this, txn, std::move(map_in_use));
}

Result<MDB_txn*> Environment::begin_read() {
    MDB_txn* txn = nullptr;
    {
        std::lock_guard const lock(idle_mutex_);
        if (!idle_readers_.empty()) {
            txn = idle_readers_.back();
            idle_readers_.pop_back();
        }
    }
    if (txn == nullptr) {
        CAPSTAN_TRY(check(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn), "begin to read"));
        return txn;
    }
    if (int const code = mdb_txn_renew(txn); code != MDB_SUCCESS) {
        mdb_txn_abort(txn);
        return failure(code, "begin to read");
    }
    return txn;
}

void Environment::put_back(MDB_txn* txn) {
    mdb_txn_reset(txn);
    std::lock_guard const lock(idle_mutex_);
    idle_readers_.push_back(txn);
}

Result<> Environment::write(std::function<Result<>(WriteTransaction&)> const& body) {
    std::lock_guard const lock(write_mutex_);
    CAPSTAN_TRY(check_open());
    for (;;) {
        bool map_full = false;
        auto written = try_write(body, map_full);
        if (!map_full) {
            CAPSTAN_TRY(std::move(written));
            return extend_file();
        }
        CAPSTAN_TRY(grow_map());
    }
}

Result<> Environment::try_write(std::function<Result<>(WriteTransaction&)> const& body,
                                bool& map_full) {
    MDB_txn* txn = nullptr;
    int code = mdb_txn_begin(env_, nullptr, 0, &txn);
    if (code == MDB_MAP_RESIZED) {  // a tool in another process has grown the map
        CAPSTAN_TRY(adopt_map_size());
        code = mdb_txn_begin(env_, nullptr, 0, &txn);
    }
    CAPSTAN_TRY(check(code, "begin to write"));
    WriteTransaction transaction(txn);
    if (auto done = body(transaction); !done || transaction.map_full_) {
        mdb_txn_abort(txn);
        map_full = transaction.map_full_;
        return done;
    }
    code = mdb_txn_commit(txn);
    map_full = code == MDB_MAP_FULL;
    return check(code, "commit");
}

Result<> Environment::grow_map() {
    auto const bytes = std::size_t{usage().map_bytes};
    if (bytes >= options_.map_bytes_max) {
        return Error{Errc::storage_full,
                     "LMDB: the map has its largest size, " + std::to_string(bytes) + " bytes"};
    }
    std::lock_guard const no_new_reader(turnstile_);
    std::unique_lock const no_reader(map_gate_);
    auto const grown = std::min(bytes * 2, options_.map_bytes_max);
    return check(mdb_env_set_mapsize(env_, grown), "grow the map");
}

Result<> Environment::adopt_map_size() {
    std::lock_guard const no_new_reader(turnstile_);
    std::unique_lock const no_reader(map_gate_);
    return check(mdb_env_set_mapsize(env_, 0), "follow the map");
}

/// LMDB does not write a page that a transaction took and gave back, even if it is the last one: a
/// healthy file can be shorter than its meta page says. It is made as long, so that the check at
/// the next start can tell a cut file. (A crash right before this costs a rebuild, no data.)
Result<> Environment::extend_file() {
    MDB_envinfo info{};
    MDB_stat facts{};
    int file = -1;
    CAPSTAN_TRY(check(mdb_env_info(env_, &info), "look"));
    CAPSTAN_TRY(check(mdb_env_stat(env_, &facts), "look"));
    CAPSTAN_TRY(check(mdb_env_get_fd(env_, &file), "look"));
    auto const needed = static_cast<off_t>((info.me_last_pgno + 1) * facts.ms_psize);
    struct stat status {};
    if (::fstat(file, &status) != 0 ||
        (status.st_size < needed && ::ftruncate(file, needed) != 0)) {
        return io_error(options_.directory / "data.mdb", errno);
    }
    return success();
}

Result<unsigned> Environment::reap() {
    int dead = 0;
    CAPSTAN_TRY(check(mdb_reader_check(env_, &dead), "look for dead readers"));
    return static_cast<unsigned>(dead);
}

Result<unsigned> Environment::reap_readers() {
    auto const map_in_use = use_map();
    CAPSTAN_TRY(check_open());
    return reap();
}

Usage Environment::usage() const {
    auto const map_in_use = use_map();
    MDB_envinfo info{};
    MDB_stat facts{};
    if (!check_open()) {
        return {};
    }
    mdb_env_info(env_, &info);
    mdb_env_stat(env_, &facts);
    return {(info.me_last_pgno + 1) * facts.ms_psize, info.me_mapsize, info.me_numreaders};
}

}  // namespace capstan::lmdb
