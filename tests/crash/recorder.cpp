// A library that is loaded before a program's C library and writes down what the program does to
// the files below $CRASH_LAB_ROOT, in the order in which it happens: tests/crash/crash_lab.py reads
// it.
//
// $CRASH_LAB_LOG is a file of records; integers are little-endian, names are relative to the root:
//
//   u8 kind, u64 inode, u64 offset, u32 name bytes, u32 data bytes, name, data
//
//   'w' write, 'W' write that is flushed by itself (O_DSYNC), 't' truncated to `offset`, 'f'
//   flushed, 'c' a name was made, 'd' a directory was made, 'u' a name was removed, 'r' renamed to
//   `data`, 's' the directory `name` was flushed
//
// One lock is held over each call and its record, so that no write can slip between a flush and the
// record of it.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace {

struct OpenFile {
    std::string name;
    std::uint64_t inode = 0;
    bool is_directory = false;
    bool flushes_writes = false;
};

/// Never destroyed: the program may write until its very end.
struct Recorder {
    std::mutex mutex;
    std::string root;
    int log = -1;
    std::map<int, OpenFile> files;
};

template <class Function>
Function real(char const* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

ssize_t real_write(int descriptor, void const* data, std::size_t bytes) {
    static auto const next = real<ssize_t (*)(int, void const*, std::size_t)>("write");
    return next(descriptor, data, bytes);
}

int real_openat(int directory, char const* path, int flags, mode_t mode) {
    static auto const next = real<int (*)(int, char const*, int, ...)>("openat");
    return next(directory, path, flags, mode);
}

Recorder& recorder() {
    static auto* const one = [] {
        auto* made = new Recorder;
        char const* const root = std::getenv("CRASH_LAB_ROOT");
        char const* const log = std::getenv("CRASH_LAB_LOG");
        if (root != nullptr && log != nullptr) {
            made->root = root;
            made->log = real_openat(AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        }
        return made;
    }();
    return *one;
}

template <class Integer>
void put(std::string& out, Integer value) {
    out.append(reinterpret_cast<char const*>(&value), sizeof value);
}

/// One write, as others append to the log, too.
void say(char kind,
         std::uint64_t inode,
         std::uint64_t offset,
         std::string_view name,
         std::string_view data = {}) {
    std::string record(1, kind);
    put(record, inode);
    put(record, offset);
    put(record, static_cast<std::uint32_t>(name.size()));
    put(record, static_cast<std::uint32_t>(data.size()));
    record.append(name).append(data);
    if (real_write(recorder().log, record.data(), record.size()) !=
        static_cast<ssize_t>(record.size())) {
        std::abort();
    }
}

/// The path behind a descriptor, as the kernel has it.
std::string path_of(int descriptor) {
    auto const link = "/proc/self/fd/" + std::to_string(descriptor);
    char path[4'096];
    auto const bytes = readlink(link.c_str(), path, sizeof path);
    return bytes < 0 ? std::string() : std::string(path, static_cast<std::size_t>(bytes));
}

std::string absolute(int directory, char const* path) {
    if (path[0] == '/') {
        return path;
    }
    if (directory != AT_FDCWD) {
        return path_of(directory) + "/" + path;
    }
    char here[4'096];
    return std::string(getcwd(here, sizeof here) == nullptr ? "" : here) + "/" + path;
}

/// Relative to the root; false if it is elsewhere.
bool below_root(std::string const& path, std::string& name) {
    auto const& root = recorder().root;
    if (recorder().log < 0 || !path.starts_with(root + "/")) {
        name.clear();
        return recorder().log >= 0 && path == root;
    }
    name = path.substr(root.size() + 1);
    return true;
}

void on_opened(int descriptor, int flags, bool is_new) {
    std::string name;
    struct stat status {};
    if (descriptor < 0 || !below_root(path_of(descriptor), name) ||
        fstat(descriptor, &status) != 0) {
        return;
    }
    recorder().files[descriptor] = {
        name, status.st_ino, S_ISDIR(status.st_mode), (flags & (O_DSYNC | O_SYNC)) != 0};
    if (is_new) {
        say('c', status.st_ino, 0, name);
    }
    if ((flags & O_TRUNC) != 0) {
        say('t', status.st_ino, 0, name);
    }
}

int open_and_tell(int directory, char const* path, int flags, mode_t mode) {
    std::lock_guard const lock(recorder().mutex);
    struct stat status {};
    bool const is_new =
        (flags & O_CREAT) != 0 && fstatat(directory, path, &status, 0) != 0 && errno == ENOENT;
    int const descriptor = real_openat(directory, path, flags, mode);
    int const error = errno;
    on_opened(descriptor, flags, is_new);
    errno = error;
    return descriptor;
}

mode_t mode_of(int flags, va_list arguments) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}

/// Calls, and tells of what was done if the descriptor is of a file below the root.
template <class Call, class Tell>
auto call_and_tell(int descriptor, Call const& call, Tell const& tell) {
    std::lock_guard const lock(recorder().mutex);
    auto const result = call();
    int const error = errno;
    auto const found = recorder().files.find(descriptor);
    if (result >= 0 && found != recorder().files.end()) {
        tell(found->second, result);
    }
    errno = error;
    return result;
}

void tell_write(OpenFile const& file, std::uint64_t at, void const* data, ssize_t bytes) {
    say(file.flushes_writes ? 'W' : 'w',
        file.inode,
        at,
        file.name,
        {static_cast<char const*>(data), static_cast<std::size_t>(bytes)});
}

std::string joined(iovec const* parts, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) {
        all.append(static_cast<char const*>(parts[i].iov_base), parts[i].iov_len);
    }
    return all;
}

int flush_and_tell(int descriptor, char const* name) {
    auto const next = real<int (*)(int)>(name);
    return call_and_tell(
        descriptor,
        [&] { return next(descriptor); },
        [](OpenFile const& file, int) {
            say(file.is_directory ? 's' : 'f', file.inode, 0, file.name);
        });
}

int truncate_and_tell(int descriptor, off_t bytes, char const* name) {
    auto const next = real<int (*)(int, off_t)>(name);
    return call_and_tell(
        descriptor,
        [&] { return next(descriptor, bytes); },
        [bytes](OpenFile const& file, int) {
            say('t', file.inode, static_cast<std::uint64_t>(bytes), file.name);
        });
}

}  // namespace

extern "C" {

int openat(int directory, char const* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    auto const mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_and_tell(directory, path, flags, mode);
}

int open(char const* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    auto const mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_and_tell(AT_FDCWD, path, flags, mode);
}

int open64(char const* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    auto const mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_and_tell(AT_FDCWD, path, flags, mode);
}

int close(int descriptor) {
    static auto const next = real<int (*)(int)>("close");
    std::lock_guard const lock(recorder().mutex);
    recorder().files.erase(descriptor);
    return next(descriptor);
}

ssize_t pwrite(int descriptor, void const* data, size_t bytes, off_t at) {
    static auto const next = real<ssize_t (*)(int, void const*, size_t, off_t)>("pwrite");
    return call_and_tell(
        descriptor,
        [&] { return next(descriptor, data, bytes, at); },
        [&](OpenFile const& file, ssize_t done) {
            tell_write(file, static_cast<std::uint64_t>(at), data, done);
        });
}

ssize_t pwrite64(int descriptor, void const* data, size_t bytes, off64_t at) {
    return pwrite(descriptor, data, bytes, at);
}

ssize_t write(int descriptor, void const* data, size_t bytes) {
    return call_and_tell(
        descriptor,
        [&] { return real_write(descriptor, data, bytes); },
        [&](OpenFile const& file, ssize_t done) {
            auto const end = static_cast<std::uint64_t>(lseek(descriptor, 0, SEEK_CUR));
            tell_write(file, end - static_cast<std::uint64_t>(done), data, done);
        });
}

ssize_t writev(int descriptor, iovec const* parts, int count) {
    static auto const next = real<ssize_t (*)(int, iovec const*, int)>("writev");
    return call_and_tell(
        descriptor,
        [&] { return next(descriptor, parts, count); },
        [&](OpenFile const& file, ssize_t done) {
            auto const end = static_cast<std::uint64_t>(lseek(descriptor, 0, SEEK_CUR));
            auto const all = joined(parts, count);
            tell_write(file, end - static_cast<std::uint64_t>(done), all.data(), done);
        });
}

ssize_t pwritev(int descriptor, iovec const* parts, int count, off_t at) {
    static auto const next = real<ssize_t (*)(int, iovec const*, int, off_t)>("pwritev");
    return call_and_tell(
        descriptor,
        [&] { return next(descriptor, parts, count, at); },
        [&](OpenFile const& file, ssize_t done) {
            auto const all = joined(parts, count);
            tell_write(file, static_cast<std::uint64_t>(at), all.data(), done);
        });
}

int fdatasync(int descriptor) {
    return flush_and_tell(descriptor, "fdatasync");
}

int fsync(int descriptor) {
    return flush_and_tell(descriptor, "fsync");
}

int fallocate(int descriptor, int mode, off_t at, off_t bytes) {
    static auto const next = real<int (*)(int, int, off_t, off_t)>("fallocate");
    return call_and_tell(
        descriptor,
        [&] { return next(descriptor, mode, at, bytes); },
        [&](OpenFile const& file, int) {
            struct stat status {};
            fstat(descriptor, &status);
            say('t', file.inode, static_cast<std::uint64_t>(status.st_size), file.name);
        });
}

int ftruncate(int descriptor, off_t bytes) noexcept {
    return truncate_and_tell(descriptor, bytes, "ftruncate");
}

int ftruncate64(int descriptor, off64_t bytes) noexcept {
    return truncate_and_tell(descriptor, bytes, "ftruncate");
}

int renameat(int from_directory, char const* from, int to_directory, char const* to) noexcept {
    static auto const next = real<int (*)(int, char const*, int, char const*)>("renameat");
    std::lock_guard const lock(recorder().mutex);
    auto const result = next(from_directory, from, to_directory, to);
    std::string before;
    std::string after;
    if (result == 0 && below_root(absolute(from_directory, from), before) &&
        below_root(absolute(to_directory, to), after)) {
        say('r', 0, 0, before, after);
    }
    return result;
}

int rename(char const* from, char const* to) noexcept {
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int unlinkat(int directory, char const* path, int flags) noexcept {
    static auto const next = real<int (*)(int, char const*, int)>("unlinkat");
    std::lock_guard const lock(recorder().mutex);
    auto const result = next(directory, path, flags);
    std::string name;
    if (result == 0 && below_root(absolute(directory, path), name)) {
        say('u', 0, 0, name);
    }
    return result;
}

int unlink(char const* path) noexcept {
    return unlinkat(AT_FDCWD, path, 0);
}

int mkdir(char const* path, mode_t mode) noexcept {
    static auto const next = real<int (*)(char const*, mode_t)>("mkdir");
    std::lock_guard const lock(recorder().mutex);
    auto const result = next(path, mode);
    std::string name;
    if (result == 0 && below_root(absolute(AT_FDCWD, path), name)) {
        say('d', 0, 0, name);
    }
    return result;
}
}
