#include "index_guard.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstring>
#include <string_view>

namespace capstan {
namespace {

namespace fs = std::filesystem;

constexpr char const* kMark = "index.suspect";
constexpr char const* kAside = "index.damaged";

/// A signal handler can't allocate: the path is made before.
char mark_path[PATH_MAX];

void say(int descriptor, std::string_view text) {
    // Nobody is left to hear that it failed.
    [[maybe_unused]] auto const ignored = ::write(descriptor, text.data(), text.size());
}

/// Calls only what POSIX allows here. It returns into the same fault, which then has its default
/// effect: the process ends by the signal, with its core.
void on_crash(int signal) {
    std::string_view const name = signal == SIGBUS ? "SIGBUS\n" : "SIGSEGV\n";
    int const mark = ::open(mark_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (mark >= 0) {
        say(mark, name);
        ::close(mark);
    }
    say(STDERR_FILENO, "crashed; the next start rebuilds the index from the journal: ");
    say(STDERR_FILENO, name);
}

}  // namespace

void mark_index_on_crash(fs::path const& data_dir) {
    std::error_code ignored;
    auto const path = (fs::absolute(data_dir, ignored) / kMark).string();
    if (path.size() >= sizeof(mark_path)) {
        return;  // no file could have such a name
    }
    std::memcpy(mark_path, path.c_str(), path.size() + 1);
    struct sigaction action {};
    action.sa_handler = on_crash;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    for (int const signal : {SIGBUS, SIGSEGV}) {
        ::sigaction(signal, &action, nullptr);
    }
}

bool index_is_suspect(fs::path const& data_dir) {
    std::error_code ignored;
    return fs::exists(data_dir / kMark, ignored);
}

Result<> set_index_aside(fs::path const& data_dir) {
    std::error_code error;
    fs::remove_all(data_dir / kAside, error);
    if (!error) {
        fs::rename(data_dir / "index", data_dir / kAside, error);
    }
    if (!error) {
        fs::create_directory(data_dir / "index", error);
    }
    // Last: a process that dies before this does it all again.
    if (!error) {
        fs::remove(data_dir / kMark, error);
    }
    if (error) {
        return Error{Errc::disk_io, (data_dir / "index").string() + ": " + error.message()};
    }
    return success();
}

}  // namespace capstan
