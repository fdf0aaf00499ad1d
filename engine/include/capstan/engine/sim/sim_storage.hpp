#pragma once
#include <capstan/engine/runtime/random.hpp>
#include <capstan/engine/runtime/storage.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

/// A change that is not on stable storage yet.
struct PendingOp {
    enum class Kind : std::uint8_t { write, resize, create, remove, rename };
    Kind kind;
    std::string name;          // of the file; for a rename the old name
    std::string to;            // of a rename
    std::uint64_t offset = 0;  // of a write; of a resize the new size
    std::size_t bytes = 0;     // of a write
};

/// What a crash leaves of a pending op.
struct Fate {
    std::uint64_t kept = ~std::uint64_t{0};  // unit i of a write survives iff bit i mod 64 is set
    std::size_t unit_bytes = 512;            // units are aligned in the file: a sector, a page

    static constexpr Fate whole() { return Fate{}; }
    static constexpr Fate absent() { return Fate{0, 512}; }
    static constexpr Fate torn(std::uint64_t kept, std::size_t unit_bytes) {
        return Fate{kept, unit_bytes};
    }
};

/// A directory in memory that behaves as badly as a real one may. Every file has an image on "disk"
/// and a list of changes that only the page cache knows; so has the directory. `datasync` and
/// `sync` move changes to the disk; a crash keeps any subset of the rest. Threading: one thread.
/// Outlives the files and locks that it hands out.
class SimStorage final : public Storage {
  public:
    SimStorage();
    ~SimStorage() override;

    Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) override;
    Result<> rename(std::string_view from, std::string_view to) override;
    Result<> remove(std::string_view name) override;
    Result<std::vector<std::string>> list() override;
    Result<> sync() override;
    Result<std::unique_ptr<StorageLock>> lock(std::string_view name) override;
    Result<std::optional<std::uint64_t>> lock_holder(std::string_view name) override;
    Result<std::uint64_t> free_bytes() override;
    std::string describe() const override { return "sim"; }

    // Death.

    /// The process dies and the machine lives on: files and locks are let go, the page cache stays.
    void kill();
    /// The machine dies: of each pending op, in order, stays what `choose` says. A rename or
    /// another op on names stays unless its fate keeps nothing.
    void crash(std::function<Fate(PendingOp const&)> const& choose);
    /// Every op by itself whole, absent, or torn at 512 bytes or 4 KiB.
    void crash(Random& random);
    /// In the order in which `crash` asks.
    std::vector<PendingOp> pending() const;
    /// The same disk and page cache once more, with no file open.
    std::unique_ptr<SimStorage> fork() const;

    // Faults. A call is any function of Storage or File but `describe`.

    /// The call after `calls_between` others fails with `code`; a write that fails has written
    /// half.
    void fail_call(std::uint64_t calls_between, Errc code);
    /// That call and all that follow.
    void fail_from(std::uint64_t calls_between, Errc code);
    /// No more faults; says whether the injected one has struck.
    bool heal();
    /// A `datasync` that fails forgets what it should have flushed: the page cache calls it clean
    /// and still shows it.
    void set_failed_sync_cleans(bool cleans) { failed_sync_cleans_ = cleans; }
    /// Bytes of all files together; what goes beyond is `storage_full`.
    void set_capacity(std::uint64_t bytes) { capacity_bytes_ = bytes; }
    /// Sees each call before it happens: a slow disk advances a SimClock here.
    void set_on_call(std::function<void(std::string_view call, std::string_view name)> hook);
    std::uint64_t calls() const { return calls_; }

    // The medium.

    /// On disk and in the page cache, as `pread` would show it. Empty if there is no such file.
    Bytes contents(std::string_view name) const;
    /// Replaces a file with these bytes, durably.
    void put(std::string_view name, ByteView bytes);
    void flip_bit(std::string_view name, std::uint64_t bit);

  private:
    struct Inode;
    struct NameOp;
    class SimFile;
    class SimLock;
    using Names = std::map<std::string, std::shared_ptr<Inode>, std::less<>>;

    Result<> enter(std::string_view call, std::string_view name);
    std::uint64_t used_bytes() const;
    std::vector<std::shared_ptr<Inode>> inodes() const;
    static void apply(Names& names, NameOp const& op);
    void change_names(NameOp op);

    Names names_;          // as the running system sees them
    Names durable_names_;  // as the disk has them
    std::vector<NameOp> name_ops_;
    std::map<std::string, std::uint64_t, std::less<>> locks_;  // name to the life of its holder
    std::uint64_t life_ = 1;                                   // grows with each kill and crash

    std::uint64_t calls_ = 0;
    std::uint64_t fail_first_ = ~std::uint64_t{0};
    std::uint64_t fail_last_ = 0;
    Errc fail_code_ = Errc::disk_io;
    bool struck_ = false;
    bool failed_sync_cleans_ = false;
    std::uint64_t capacity_bytes_ = ~std::uint64_t{0};
    std::function<void(std::string_view, std::string_view)> on_call_;
};

}  // namespace capstan
