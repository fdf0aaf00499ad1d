#include "subprocess.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

extern char** environ;  // NOLINT: declared by the program itself, says POSIX

namespace capstan::importers {
namespace {

constexpr std::size_t kComplaintBytesMax = 1'000;

Error os_error(std::string_view doing, int number) {
    return Error{Errc::disk_io, std::string(doing) + ": " + std::strerror(number)};
}

struct Pipe {
    Descriptor read_end;
    Descriptor write_end;
};

Result<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return os_error("making a pipe", errno);
    }
    return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

/// The child starts with signals as a shell gives them, and with plain words in its messages.
pid_t spawn(
    std::vector<std::string> const& words, int input, int output, int errors, int& failure) {
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

    std::vector<char*> argv;
    for (auto const& word : words) {
        argv.push_back(const_cast<char*>(word.c_str()));
    }
    argv.push_back(nullptr);
    std::string locale = "LC_ALL=C.UTF-8";
    std::vector<char*> environment{locale.data()};
    for (char** variable = environ; *variable != nullptr; ++variable) {
        if (!std::string_view(*variable).starts_with("LC_ALL=")) {
            environment.push_back(*variable);
        }
    }
    environment.push_back(nullptr);

    pid_t pid = -1;
    failure = ::posix_spawnp(&pid, argv[0], &files, &attributes, argv.data(), environment.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

}  // namespace

void Descriptor::close() {
    if (value_ >= 0) {
        ::close(std::exchange(value_, -1));
    }
}

Result<Subprocess> Subprocess::start(std::vector<std::string> const& words) {
    CAPSTAN_TRY(auto input, make_pipe());
    CAPSTAN_TRY(auto output, make_pipe());
    Subprocess child;
    child.errors_ = Descriptor(::memfd_create("errors", MFD_CLOEXEC));
    if (child.errors_.get() < 0) {
        return os_error("making a file in memory", errno);
    }
    int failure = 0;
    child.pid_ =
        spawn(words, input.read_end.get(), output.write_end.get(), child.errors_.get(), failure);
    if (failure != 0) {
        child.pid_ = -1;
        return failure == ENOENT ? Error{Errc::not_found, words.front() + " is not installed"}
                                 : os_error("starting " + words.front(), failure);
    }
    child.input_ = std::move(input.write_end);
    child.output_ = std::move(output.read_end);
    return child;
}

Subprocess::Subprocess(Subprocess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)),
      errors_(std::move(other.errors_)) {}

Subprocess::~Subprocess() {
    if (pid_ >= 0) {
        ::kill(pid_, SIGTERM);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
}

Result<> Subprocess::write(std::string_view text) {
    while (!text.empty()) {
        auto const written = ::write(input_.get(), text.data(), text.size());
        if (written > 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno != EINTR) {
            return os_error("writing to a child process", errno);
        }
    }
    return success();
}

Result<std::size_t> Subprocess::read(std::span<char> into) {
    for (;;) {
        auto const got = ::read(output_.get(), into.data(), into.size());
        if (got >= 0) {
            return static_cast<std::size_t>(got);
        }
        if (errno != EINTR) {
            return os_error("reading from a child process", errno);
        }
    }
}

Result<> Subprocess::finish() {
    input_.close();
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0) {
        if (errno != EINTR) {
            return os_error("waiting for a child process", errno);
        }
    }
    pid_ = -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return success();
    }
    return Error{Errc::not_found, complaint()};
}

/// The child's words on one line.
std::string Subprocess::complaint() const {
    std::string text(kComplaintBytesMax, '\0');
    auto const got = ::pread(errors_.get(), text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    while (!text.empty() && text.back() == '\n') {
        text.pop_back();
    }
    std::ranges::replace(text, '\n', ' ');
    return text.empty() ? "git ended without a word" : text;
}

}  // namespace capstan::importers
