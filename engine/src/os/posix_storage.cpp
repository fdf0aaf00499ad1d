#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <capstan/engine/os/posix_storage.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <utility>

#include "posix_calls.hpp"
#include "posix_file.hpp"

namespace capstan {
namespace {

using posix::error_of;
using posix::retry_interrupted;

constexpr mode_t kFileMode = 0640;
constexpr mode_t kDirectoryMode = 0750;

class Descriptor {
  public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (number_ >= 0) {
            ::close(number_);
        }
    }
    int get() const { return number_; }
    int release() { return std::exchange(number_, -1); }
    bool ok() const { return number_ >= 0; }

  private:
    int number_;
};

int flags_of(OpenMode mode) {
    switch (mode) {
        case OpenMode::read:
            return O_RDONLY | O_CLOEXEC;
        case OpenMode::write:
            return O_RDWR | O_CLOEXEC;
        case OpenMode::create:
            return O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
    }
    CAPSTAN_INVARIANT(false, "open mode");
}

// Open file description locks: they belong to this opening of the file, not to the process, and can
// be asked about without taking them.
struct flock whole_file() {
    struct flock range {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    return range;
}

std::optional<std::uint64_t> pid_in(int descriptor) {
    char text[24];
    auto const got = ::pread(descriptor, text, sizeof text, 0);
    std::uint64_t pid = 0;
    if (got <= 0 || std::from_chars(text, text + got, pid).ec != std::errc{}) {
        return std::nullopt;
    }
    return pid;
}

/// In place, and no matter if it fails: a full disk must not keep a server from starting.
void write_pid(int descriptor) {
    char text[21];
    auto const size =
        std::snprintf(text, sizeof text, "%-19llu\n", static_cast<unsigned long long>(::getpid()));
    [[maybe_unused]] auto const written =
        ::pwrite(descriptor, text, static_cast<std::size_t>(size), 0);
}

class PosixLock final : public StorageLock {
  public:
    explicit PosixLock(Descriptor file) : file_(std::move(file)) {}

  private:
    Descriptor file_;  // closing it lets go; the file stays, so that nobody locks a removed one
};

}  // namespace

PosixStorage::PosixStorage(std::string path, int directory)
    : path_(std::move(path)), directory_(directory) {}

PosixStorage::~PosixStorage() {
    ::close(directory_);
}

Result<std::unique_ptr<PosixStorage>> PosixStorage::open(std::string const& path) {
    int const directory = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        return error_of(errno, path, "open");
    }
    return std::unique_ptr<PosixStorage>(new PosixStorage(path, directory));
}

Result<std::unique_ptr<PosixStorage>> PosixStorage::open_or_create(std::string const& path) {
    bool const made = ::mkdir(path.c_str(), kDirectoryMode) == 0;
    if (!made && errno != EEXIST) {
        return error_of(errno, path, "mkdir");
    }
    CAPSTAN_TRY(auto directory, open(path));
    // One that is there may have been made just before a crash. Its parent may be closed to us
    // then.
    auto parent = open(path + "/..");
    auto synced = parent ? parent.value()->sync() : Result<>(parent.error());
    if (made && !synced) {
        return synced.error();
    }
    return directory;
}

Result<std::unique_ptr<File>> PosixStorage::open(std::string_view name, OpenMode mode) {
    std::string const file(name);
    int const descriptor = retry_interrupted(
        [&] { return ::openat(directory_, file.c_str(), flags_of(mode), kFileMode); });
    if (descriptor < 0) {
        return error_of(errno, path_ + "/" + file, "open");
    }
    return posix::make_file(descriptor, path_ + "/" + file);
}

Result<> PosixStorage::rename(std::string_view from, std::string_view to) {
    std::string const old_name(from);
    std::string const new_name(to);
    if (::renameat(directory_, old_name.c_str(), directory_, new_name.c_str()) != 0) {
        return error_of(errno, path_ + "/" + old_name, "rename to " + new_name);
    }
    return success();
}

Result<> PosixStorage::remove(std::string_view name) {
    std::string const file(name);
    if (::unlinkat(directory_, file.c_str(), 0) != 0) {
        return error_of(errno, path_ + "/" + file, "unlink");
    }
    return success();
}

Result<std::vector<std::string>> PosixStorage::list() {
    // A descriptor of its own: reading a directory moves a position.
    Descriptor copy(::openat(directory_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!copy.ok()) {
        return error_of(errno, path_, "open");
    }
    std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(copy.get()), ::closedir);
    if (entries == nullptr) {
        return error_of(errno, path_, "fdopendir");
    }
    copy.release();
    std::vector<std::string> names;
    errno = 0;
    while (dirent const* entry = ::readdir(entries.get())) {
        if (entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN) {
            names.emplace_back(entry->d_name);
        }
    }
    if (errno != 0) {
        return error_of(errno, path_, "readdir");
    }
    std::erase_if(names, [](std::string const& name) { return name == "." || name == ".."; });
    std::sort(names.begin(), names.end());
    return names;
}

Result<> PosixStorage::sync() {
    if (::fsync(directory_) != 0) {
        return error_of(errno, path_, "fsync");
    }
    return success();
}

Result<std::unique_ptr<StorageLock>> PosixStorage::lock(std::string_view name) {
    std::string const path = path_ + "/" + std::string(name);
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode));
    if (!file.ok()) {
        return error_of(errno, path, "open");
    }
    auto range = whole_file();
    if (::fcntl(file.get(), F_OFD_SETLK, &range) != 0) {
        if (errno != EAGAIN && errno != EACCES) {
            return error_of(errno, path, "lock");
        }
        auto const pid = pid_in(file.get());
        return Error{Errc::journal_locked,
                     path_ + " is in use by process " + (pid ? std::to_string(*pid) : "?")};
    }
    write_pid(file.get());
    return std::unique_ptr<StorageLock>(std::make_unique<PosixLock>(std::move(file)));
}

Result<std::optional<std::uint64_t>> PosixStorage::lock_holder(std::string_view name) {
    std::string const path = path_ + "/" + std::string(name);
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.ok()) {
        if (errno == ENOENT) {
            return std::optional<std::uint64_t>{};
        }
        return error_of(errno, path, "open");
    }
    auto range = whole_file();
    if (::fcntl(file.get(), F_OFD_GETLK, &range) != 0) {
        return error_of(errno, path, "lock");
    }
    if (range.l_type == F_UNLCK) {
        return std::optional<std::uint64_t>{};
    }
    return std::optional<std::uint64_t>(pid_in(file.get()).value_or(0));
}

Result<std::uint64_t> PosixStorage::free_bytes() {
    struct statvfs status {};
    if (::fstatvfs(directory_, &status) != 0) {
        return error_of(errno, path_, "statvfs");
    }
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

}  // namespace capstan
