#include "posix_surroundings.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace capstan::cli {
namespace {

constexpr std::size_t kSinkBytesMax = 64 * 1'024;

sigset_t stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    return signals;
}

}  // namespace

void DescriptorSink::write(std::string_view text) {
    if (ok()) {
        waiting_ += text;
        if (waiting_.size() >= kSinkBytesMax) {
            flush();
        }
    }
}

void DescriptorSink::flush() {
    std::string_view left = waiting_;
    while (ok() && !left.empty()) {
        auto const written = ::write(descriptor_, left.data(), left.size());
        if (written > 0) {
            left.remove_prefix(static_cast<std::size_t>(written));
        } else if (written == 0 || errno != EINTR) {
            error_ = written == 0 ? EIO : errno;
        }
    }
    waiting_.clear();
}

std::string DescriptorSink::trouble() const {
    return ok() || error_ == EPIPE ? "" : std::generic_category().message(error_);
}

bool DescriptorSource::fill() {
    waiting_.erase(0, std::exchange(taken_, 0));
    std::array<char, 64 * 1'024> chunk;
    ssize_t got = 0;
    do {
        got = ::read(descriptor_, chunk.data(), chunk.size());
    } while (got < 0 && errno == EINTR);
    waiting_.append(chunk.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    return got > 0;
}

std::optional<std::string> DescriptorSource::line() {
    auto looked = taken_;
    for (;;) {
        auto const end = waiting_.find('\n', looked);
        if (end != std::string::npos) {
            auto const start = std::exchange(taken_, end + 1);
            return waiting_.substr(start, end - start);
        }
        looked = waiting_.size() - taken_;  // `fill` moves what is left to the front
        if (!fill()) {
            break;
        }
    }
    auto last = rest();
    return last.empty() ? std::nullopt : std::optional(std::move(last));
}

std::string DescriptorSource::rest() {
    while (fill()) {
    }
    taken_ = 0;
    return std::exchange(waiting_, {});
}

std::size_t DescriptorSource::read(std::span<char> buffer) {
    if (taken_ == waiting_.size() && !fill()) {
        return 0;
    }
    auto const got = waiting_.copy(buffer.data(), buffer.size(), taken_);
    taken_ += got;
    return got;
}

std::size_t terminal_columns(int descriptor) {
    winsize size{};
    bool const known = ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : 80;
}

struct Interrupts::State {
    std::mutex mutex;
    std::function<void()> callback;
    bool seen = false;

    void interrupted() {
        std::function<void()> call;
        {
            std::lock_guard const lock(mutex);
            if (std::exchange(seen, true) || !callback) {
                ::_exit(130);
            }
            call = std::exchange(callback, nullptr);
        }
        call();
    }
};

Interrupts::Interrupts() : state_(std::make_shared<State>()) {
    std::signal(SIGPIPE, SIG_IGN);  // a write says so itself
    auto const signals = stop_signals();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::thread([state = state_, signals] {
        for (int signal = 0; sigwait(&signals, &signal) == 0;) {
            state->interrupted();
        }
    }).detach();
}

Interrupts::~Interrupts() = default;

void Interrupts::on_interrupt(std::function<void()> callback) {
    std::lock_guard const lock(state_->mutex);
    state_->callback = std::move(callback);
}

}  // namespace capstan::cli
