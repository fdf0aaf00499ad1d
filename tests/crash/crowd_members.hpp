// Many devices that follow one stream, each on a socket of its own, in one thread.
#pragma once

#include <sys/types.h>

#include <capstan/schema/bytes.hpp>
#include <capstan/schema/ids.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::test {

/// Ends the process with a message when a member misses an event, gets one twice, or is turned
/// away.
class Crowd {
  public:
    Crowd(std::size_t members, std::uint16_t port, std::string token, std::string stream);
    ~Crowd();
    Crowd(Crowd const&) = delete;
    Crowd& operator=(Crowd const&) = delete;

    /// All dial at once, each where it stood.
    void join();
    /// Does what is due, for some milliseconds at the most.
    void poll();
    void stop_reading(std::size_t member);
    /// All sockets are closed at once.
    void drop_all();

    std::size_t joined() const { return joined_; }
    /// How many hold 1..seq.
    std::size_t holding(std::uint64_t seq) const;
    /// Seconds from dialling to Welcome.
    std::vector<double> waits() const;

  private:
    using SteadyClock = std::chrono::steady_clock;
    enum class State : std::uint8_t { dialling, upgrading, greeting, following };
    struct Member {
        int socket = -1;
        State state = State::dialling;
        std::string input;
        std::uint64_t generation = 0;
        std::uint64_t holds = 0;  // 1..holds
        double waited = 0;
    };

    void dial(std::size_t index);
    void watch(std::size_t index, std::uint32_t events, int operation) const;
    void on_event(std::size_t index, std::uint32_t events);
    void read_some(Member& member, std::size_t index);
    void on_input(Member& member, std::size_t index);
    bool take_frame(Member& member);
    void take_payload(Member& member, ByteView payload);
    void say_hello(Member const& member, std::size_t index) const;
    static void write_all(int socket, std::string_view bytes);

    std::uint16_t port_;
    std::string token_;
    std::string stream_;
    int epoll_;
    std::vector<Member> members_;
    std::size_t joined_ = 0;
    SteadyClock::time_point began_;
};

}  // namespace capstan::test
