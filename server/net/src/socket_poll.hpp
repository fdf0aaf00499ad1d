#pragma once
#include <sys/epoll.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <span>
#include <vector>

namespace capstan {

/// What is waited for at a socket, or has come.
struct Readiness {
    bool read = false;
    bool write = false;
    bool gone = false;  // comes unasked: both directions are closed or broken
    friend bool operator==(Readiness const&, Readiness const&) = default;
};

class SocketUser {
  public:
    /// May add and remove users, itself too.
    virtual void on_ready(Readiness ready) = 0;

  protected:
    ~SocketUser() = default;
};

/// Sockets of many peers. All that are ready are handled in one turn of the strand, with one system
/// call to ask for them, and a socket goes on being waited for without being told again: beside
/// that a message costs its own read and no more. (Asio tries each socket once more after each
/// read.)
/// Threading: the strand that runs the context.
class SocketPoll {
  public:
    explicit SocketPoll(boost::asio::io_context& context);
    /// What is ready is handled no more.
    void close();

    /// False if the system can't watch one more, or it is closed.
    bool add(int socket, SocketUser& user, Readiness wanted);
    void change(int socket, SocketUser& user, Readiness wanted);
    /// Before the socket is closed.
    void remove(int socket, SocketUser& user);

    /// Memory for what is read, for users in turn: nothing in it outlives `on_ready`.
    std::span<std::byte> input() { return input_; }

  private:
    void wait();
    void handle_ready();
    bool control(int operation, int socket, SocketUser& user, Readiness wanted);

    boost::asio::posix::stream_descriptor epoll_;
    std::array<epoll_event, 128> ready_;
    std::span<epoll_event> left_;  // of these, in this turn
    std::vector<std::byte> input_;
};

}  // namespace capstan
