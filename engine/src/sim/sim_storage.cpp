#include <algorithm>
#include <capstan/engine/sim/sim_storage.hpp>
#include <cstring>
#include <utility>

namespace capstan {

/// A file without its names.
struct SimStorage::Inode {
    struct Change {
        std::uint64_t offset;  // of a write; the new size where there are no bytes
        std::optional<Bytes> written;
    };
    std::string name;  // the one it was last known by
    Bytes cached;      // what reads see
    Bytes durable;     // what the disk has
    std::vector<Change> pending;

    void write(ByteView bytes, std::uint64_t at) {
        if (at + bytes.size() > cached.size()) {
            resize(at + bytes.size());
        }
        std::ranges::copy(bytes, cached.begin() + static_cast<std::ptrdiff_t>(at));
        pending.push_back({at, Bytes(bytes.begin(), bytes.end())});
    }
    void resize(std::uint64_t size) {
        cached.resize(size);
        pending.push_back({size, std::nullopt});
    }
    /// Moves a change to the disk, as far as fate lets it. What lies beyond the size on disk is
    /// lost.
    void settle(Change const& change, Fate fate) {
        if (!change.written) {
            if (fate.kept != 0) {
                durable.resize(change.offset);
            }
            return;
        }
        auto const end =
            std::min<std::uint64_t>(change.offset + change.written->size(), durable.size());
        for (auto at = change.offset; at < end;) {
            auto const unit = at / fate.unit_bytes;
            auto const unit_end = std::min(end, (unit + 1) * fate.unit_bytes);
            if ((fate.kept >> (unit % 64) & 1) != 0) {
                std::memcpy(durable.data() + at,
                            change.written->data() + (at - change.offset),
                            unit_end - at);
            }
            at = unit_end;
        }
    }
    /// A flush brings the size that the contents need along, also one that an earlier flush failed
    /// to bring.
    void settle_all() {
        for (auto const& change : pending) {
            if (change.written) {
                auto const end = change.offset + change.written->size();
                durable.resize(std::max<std::size_t>(durable.size(), end));
            }
            settle(change, Fate::whole());
        }
        pending.clear();
    }
};

struct SimStorage::NameOp {
    PendingOp::Kind kind;
    std::string name;
    std::string to;
    std::shared_ptr<Inode> inode;
};

class SimStorage::SimFile final : public File {
  public:
    SimFile(SimStorage& storage, std::shared_ptr<Inode> inode, bool writable)
        : storage_(storage), inode_(std::move(inode)), life_(storage.life_), writable_(writable) {}

    Result<std::size_t> pread(std::span<std::byte> into, std::uint64_t at) override {
        CAPSTAN_TRY(enter("pread"));
        auto const& bytes = inode_->cached;
        auto const from = std::min<std::uint64_t>(at, bytes.size());
        auto const count = std::min<std::size_t>(into.size(), bytes.size() - from);
        if (count > 0) {
            std::memcpy(into.data(), bytes.data() + from, count);
        }
        return count;
    }

    Result<> pwrite(ByteView bytes, std::uint64_t at) override {
        CAPSTAN_INVARIANT(writable_, "opened for reading");
        if (auto entered = enter("pwrite"); !entered) {
            if (entered.error().code == Errc::disk_io && storage_.life_ == life_) {
                inode_->write(bytes.first(bytes.size() / 2), at);
            }
            return entered;
        }
        CAPSTAN_TRY(reserve(at + bytes.size()));
        inode_->write(bytes, at);
        return success();
    }

    Result<> datasync() override {
        if (auto entered = enter("datasync"); !entered) {
            if (storage_.failed_sync_cleans_ && storage_.life_ == life_) {
                inode_->pending.clear();
            }
            return entered;
        }
        inode_->settle_all();
        return success();
    }

    Result<std::uint64_t> size() override {
        CAPSTAN_TRY(enter("size"));
        return std::uint64_t{inode_->cached.size()};
    }

    Result<> truncate(std::uint64_t bytes) override {
        CAPSTAN_INVARIANT(writable_, "opened for reading");
        CAPSTAN_TRY(enter("truncate"));
        inode_->resize(bytes);
        return success();
    }

    Result<> allocate(std::uint64_t bytes) override {
        CAPSTAN_INVARIANT(writable_, "opened for reading");
        CAPSTAN_TRY(enter("allocate"));
        CAPSTAN_TRY(reserve(bytes));
        if (bytes > inode_->cached.size()) {
            inode_->resize(bytes);
        }
        return success();
    }

  private:
    Result<> enter(std::string_view call) {
        if (storage_.life_ != life_) {
            return Error{Errc::disk_io, inode_->name + ": opened before the crash"};
        }
        return storage_.enter(call, inode_->name);
    }
    Result<> reserve(std::uint64_t size) {
        auto const now = inode_->cached.size();
        if (size > now && size - now > storage_.capacity_bytes_ - std::min(storage_.capacity_bytes_,
                                                                           storage_.used_bytes())) {
            return Error{Errc::storage_full, inode_->name + ": no space"};
        }
        return success();
    }

    SimStorage& storage_;
    std::shared_ptr<Inode> inode_;
    std::uint64_t life_;
    bool writable_;
};

class SimStorage::SimLock final : public StorageLock {
  public:
    SimLock(SimStorage& storage, std::string name)
        : storage_(storage), name_(std::move(name)), life_(storage.life_) {}
    ~SimLock() override {
        if (storage_.life_ == life_) {
            storage_.locks_.erase(name_);
        }
    }

  private:
    SimStorage& storage_;
    std::string name_;
    std::uint64_t life_;
};

SimStorage::SimStorage() = default;
SimStorage::~SimStorage() = default;

Result<std::unique_ptr<File>> SimStorage::open(std::string_view name, OpenMode mode) {
    CAPSTAN_TRY(enter("open", name));
    auto found = names_.find(name);
    bool const exists = found != names_.end();
    if (exists == (mode == OpenMode::create)) {
        return Error{exists ? Errc::disk_io : Errc::not_found,
                     std::string(name) + (exists ? ": exists" : ": no such file")};
    }
    if (mode == OpenMode::create) {
        auto inode = std::make_shared<Inode>();
        inode->name = name;
        change_names({PendingOp::Kind::create, std::string(name), {}, inode});
        found = names_.find(name);
    }
    return std::unique_ptr<File>(
        std::make_unique<SimFile>(*this, found->second, mode != OpenMode::read));
}

Result<> SimStorage::rename(std::string_view from, std::string_view to) {
    CAPSTAN_TRY(enter("rename", from));
    auto const found = names_.find(from);
    if (found == names_.end()) {
        return Error{Errc::not_found, std::string(from) + ": no such file"};
    }
    auto inode = found->second;
    inode->name = to;
    change_names({PendingOp::Kind::rename, std::string(from), std::string(to), std::move(inode)});
    return success();
}

Result<> SimStorage::remove(std::string_view name) {
    CAPSTAN_TRY(enter("remove", name));
    auto const found = names_.find(name);
    if (found == names_.end()) {
        return Error{Errc::not_found, std::string(name) + ": no such file"};
    }
    change_names({PendingOp::Kind::remove, std::string(name), {}, found->second});
    return success();
}

Result<std::vector<std::string>> SimStorage::list() {
    CAPSTAN_TRY(enter("list", {}));
    std::vector<std::string> names;
    for (auto const& [name, inode] : names_) {
        names.push_back(name);
    }
    return names;
}

Result<> SimStorage::sync() {
    CAPSTAN_TRY(enter("sync", {}));
    for (auto const& op : name_ops_) {
        apply(durable_names_, op);
    }
    name_ops_.clear();
    return success();
}

Result<std::unique_ptr<StorageLock>> SimStorage::lock(std::string_view name) {
    CAPSTAN_TRY(enter("lock", name));
    if (auto const held = locks_.find(name); held != locks_.end()) {
        return Error{Errc::journal_locked,
                     "sim is in use by process " + std::to_string(held->second)};
    }
    locks_.emplace(name, life_);
    return std::unique_ptr<StorageLock>(std::make_unique<SimLock>(*this, std::string(name)));
}

Result<std::optional<std::uint64_t>> SimStorage::lock_holder(std::string_view name) {
    CAPSTAN_TRY(enter("lock_holder", name));
    auto const held = locks_.find(name);
    return held == locks_.end() ? std::optional<std::uint64_t>{} : held->second;
}

Result<std::uint64_t> SimStorage::free_bytes() {
    CAPSTAN_TRY(enter("free_bytes", {}));
    return capacity_bytes_ - std::min(capacity_bytes_, used_bytes());
}

void SimStorage::kill() {
    ++life_;
    locks_.clear();
}

void SimStorage::crash(std::function<Fate(PendingOp const&)> const& choose) {
    kill();
    auto const asked = pending();
    auto op = asked.begin();
    for (auto const& inode : inodes()) {
        for (auto const& change : inode->pending) {
            inode->settle(change, choose(*op++));
        }
        inode->pending.clear();
        inode->cached = inode->durable;
    }
    for (auto const& change : name_ops_) {
        if (choose(*op++).kept != 0) {
            apply(durable_names_, change);
        }
    }
    name_ops_.clear();
    names_ = durable_names_;
}

void SimStorage::crash(Random& random) {
    crash([&random](PendingOp const&) {
        switch (random.below(4)) {
            case 0:
                return Fate::absent();
            case 1:
                return Fate::whole();
            case 2:
                return Fate::torn(random.next(), 512);
            default:
                return Fate::torn(random.next(), 4'096);
        }
    });
}

std::vector<PendingOp> SimStorage::pending() const {
    std::vector<PendingOp> ops;
    for (auto const& inode : inodes()) {
        for (auto const& change : inode->pending) {
            bool const is_write = change.written.has_value();
            ops.push_back({is_write ? PendingOp::Kind::write : PendingOp::Kind::resize,
                           inode->name,
                           {},
                           change.offset,
                           is_write ? change.written->size() : 0});
        }
    }
    for (auto const& op : name_ops_) {
        ops.push_back({op.kind, op.name, op.to});
    }
    return ops;
}

std::unique_ptr<SimStorage> SimStorage::fork() const {
    auto copy = std::make_unique<SimStorage>();
    std::map<Inode const*, std::shared_ptr<Inode>> copies;
    auto const copy_of = [&copies](std::shared_ptr<Inode> const& inode) {
        auto& made = copies[inode.get()];
        if (made == nullptr) {
            made = std::make_shared<Inode>(*inode);
        }
        return made;
    };
    for (auto const& [name, inode] : names_) {
        copy->names_.emplace(name, copy_of(inode));
    }
    for (auto const& [name, inode] : durable_names_) {
        copy->durable_names_.emplace(name, copy_of(inode));
    }
    for (auto const& op : name_ops_) {
        copy->name_ops_.push_back({op.kind, op.name, op.to, copy_of(op.inode)});
    }
    copy->capacity_bytes_ = capacity_bytes_;
    copy->failed_sync_cleans_ = failed_sync_cleans_;
    return copy;
}

void SimStorage::fail_call(std::uint64_t calls_between, Errc code) {
    heal();
    fail_first_ = calls_ + calls_between;
    fail_last_ = fail_first_;
    fail_code_ = code;
}

void SimStorage::fail_from(std::uint64_t calls_between, Errc code) {
    fail_call(calls_between, code);
    fail_last_ = ~std::uint64_t{0};
}

bool SimStorage::heal() {
    fail_first_ = ~std::uint64_t{0};
    return std::exchange(struck_, false);
}

void SimStorage::set_on_call(std::function<void(std::string_view, std::string_view)> hook) {
    on_call_ = std::move(hook);
}

Bytes SimStorage::contents(std::string_view name) const {
    auto const found = names_.find(name);
    return found == names_.end() ? Bytes{} : found->second->cached;
}

void SimStorage::put(std::string_view name, ByteView bytes) {
    auto inode = std::make_shared<Inode>();
    inode->name = name;
    inode->cached.assign(bytes.begin(), bytes.end());
    inode->durable = inode->cached;
    names_.insert_or_assign(std::string(name), inode);
    durable_names_.insert_or_assign(std::string(name), std::move(inode));
}

void SimStorage::flip_bit(std::string_view name, std::uint64_t bit) {
    auto const found = names_.find(name);
    CAPSTAN_INVARIANT(found != names_.end(), name);
    auto const flip = [bit](Bytes& bytes) {
        if (bit / 8 < bytes.size()) {
            bytes[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
        }
    };
    flip(found->second->cached);
    flip(found->second->durable);
}

Result<> SimStorage::enter(std::string_view call, std::string_view name) {
    if (on_call_) {
        on_call_(call, name);
    }
    auto const ordinal = calls_++;
    if (ordinal >= fail_first_ && ordinal <= fail_last_) {
        struck_ = true;
        return Error{fail_code_, std::string(name) + ": " + std::string(call) + ": injected"};
    }
    return success();
}

std::uint64_t SimStorage::used_bytes() const {
    std::uint64_t used = 0;
    for (auto const& [name, inode] : names_) {
        used += inode->cached.size();
    }
    return used;
}

/// Each once: those with a name in order of name, then those that only the disk or a pending op
/// still knows.
std::vector<std::shared_ptr<SimStorage::Inode>> SimStorage::inodes() const {
    std::vector<std::shared_ptr<Inode>> all;
    auto const add = [&all](std::shared_ptr<Inode> const& inode) {
        if (std::ranges::find(all, inode) == all.end()) {
            all.push_back(inode);
        }
    };
    for (auto const& [name, inode] : names_) {
        add(inode);
    }
    for (auto const& [name, inode] : durable_names_) {
        add(inode);
    }
    for (auto const& op : name_ops_) {
        add(op.inode);
    }
    return all;
}

void SimStorage::apply(Names& names, NameOp const& op) {
    if (op.kind != PendingOp::Kind::create) {
        // Only if the name still means this file: an op between may have been lost.
        if (auto const found = names.find(op.name);
            found != names.end() && found->second == op.inode) {
            names.erase(found);
        }
    }
    if (op.kind == PendingOp::Kind::create) {
        names.insert_or_assign(op.name, op.inode);
    } else if (op.kind == PendingOp::Kind::rename) {
        names.insert_or_assign(op.to, op.inode);
    }
}

void SimStorage::change_names(NameOp op) {
    apply(names_, op);
    name_ops_.push_back(std::move(op));
}

}  // namespace capstan
