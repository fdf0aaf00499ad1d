#include "socket_poll.hpp"

#include <boost/asio/io_context.hpp>
#include <capstan/schema/error.hpp>

namespace capstan {
namespace {

constexpr std::size_t kInputBytes = 65'536;  // no less than a record of TLS

Readiness readiness_of(std::uint32_t events) {
    return {.read = (events & EPOLLIN) != 0,
            .write = (events & EPOLLOUT) != 0,
            .gone = (events & (EPOLLHUP | EPOLLERR)) != 0};
}

}  // namespace

SocketPoll::SocketPoll(boost::asio::io_context& context)
    : epoll_(context, ::epoll_create1(EPOLL_CLOEXEC)), input_(kInputBytes) {
    wait();
}

void SocketPoll::close() {
    boost::system::error_code ignored;
    epoll_.close(ignored);
    left_ = {};
}

bool SocketPoll::add(int socket, SocketUser& user, Readiness wanted) {
    return control(EPOLL_CTL_ADD, socket, user, wanted);
}

void SocketPoll::change(int socket, SocketUser& user, Readiness wanted) {
    control(EPOLL_CTL_MOD, socket, user, wanted);
}

void SocketPoll::remove(int socket, SocketUser& user) {
    control(EPOLL_CTL_DEL, socket, user, {});
    for (auto& event : left_) {
        if (event.data.ptr == &user) {
            event.data.ptr = nullptr;
        }
    }
}

bool SocketPoll::control(int operation, int socket, SocketUser& user, Readiness wanted) {
    epoll_event event{};
    event.events = (wanted.read ? EPOLLIN : 0u) | (wanted.write ? EPOLLOUT : 0u);
    event.data.ptr = &user;
    return ::epoll_ctl(epoll_.native_handle(), operation, socket, &event) == 0;
}

void SocketPoll::wait() {
    epoll_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [this](boost::system::error_code const& error) {
                          if (!error) {
                              handle_ready();
                          }
                      });
}

void SocketPoll::handle_ready() {
    auto const count =
        ::epoll_wait(epoll_.native_handle(), ready_.data(), static_cast<int>(ready_.size()), 0);
    left_ = std::span(ready_).first(static_cast<std::size_t>(std::max(count, 0)));
    while (!left_.empty()) {
        auto const event = left_.front();
        left_ = left_.subspan(1);
        if (auto* const user = static_cast<SocketUser*>(event.data.ptr)) {
            user->on_ready(readiness_of(event.events));
        }
    }
    if (epoll_.is_open()) {
        wait();
    }
}

}  // namespace capstan
