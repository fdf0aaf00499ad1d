#pragma once
#include <array>
#include <capstan/engine/runtime/clock.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace capstan::sync {

enum class SessionState : std::uint8_t {
    idle,        // made, not started
    connecting,  // the shell makes a connection
    greeting,    // Hello is sent; Welcome is on its way
    live,        // runs go up, events come down, independent of each other
    recovering,  // the store is behind the server: what is frozen is settled, events wait
    waiting,     // not connected; tries again later
    refused,     // the server does not want this client as it is; tries again when told to
    stopped,     // for good
};

enum class SessionInput : std::uint8_t {
    start,          // the application wants to connect
    opened,         // the connection is open
    closed,         // the connection is gone, or could not be made
    welcome,        // the last Welcome that answers Hello
    outdated,       // the server knows more of this device than its store does
    drained,        // recovery has settled everything that was frozen
    server_behind,  // the server knows less than it confirmed
    turned_down,    // a closing Notice that waiting does not cure
    violation,      // the server broke the protocol
    timeout,        // the state's time is up
    retry,          // the application has a new token, a network, or no patience
    stop,           // the application has had enough
    store_failed,   // the store did not take a transaction
};

/// One row of the table in docs/protocol.md, "Session". Pairs that have no row change nothing.
struct Transition {
    SessionState from;
    SessionInput on;
    SessionState to;
    std::string_view effects;
};

// A test keeps docs/protocol.md equal to this table; a script walks each row.
inline constexpr std::array kTransitions = {
    Transition{SessionState::idle, SessionInput::start, SessionState::connecting, "connect"},
    Transition{SessionState::idle, SessionInput::stop, SessionState::stopped, "-"},
    Transition{SessionState::idle, SessionInput::store_failed, SessionState::stopped, "-"},
    Transition{
        SessionState::connecting, SessionInput::opened, SessionState::greeting, "send Hello"},
    Transition{SessionState::connecting,
               SessionInput::closed,
               SessionState::waiting,
               "wait for the back-off"},
    Transition{SessionState::connecting,
               SessionInput::timeout,
               SessionState::waiting,
               "close, wait for the back-off"},
    Transition{SessionState::connecting, SessionInput::stop, SessionState::stopped, "close"},
    Transition{
        SessionState::connecting, SessionInput::store_failed, SessionState::stopped, "close"},
    Transition{SessionState::greeting,
               SessionInput::welcome,
               SessionState::live,
               "freeze and send runs; Subscribe what Hello had no room for"},
    Transition{SessionState::greeting,
               SessionInput::outdated,
               SessionState::recovering,
               "send what is frozen once more; deliver nothing"},
    Transition{SessionState::greeting, SessionInput::turned_down, SessionState::refused, "close"},
    Transition{SessionState::greeting,
               SessionInput::violation,
               SessionState::waiting,
               "close, wait for the back-off"},
    Transition{SessionState::greeting,
               SessionInput::closed,
               SessionState::waiting,
               "wait for the back-off"},
    Transition{SessionState::greeting,
               SessionInput::timeout,
               SessionState::waiting,
               "close, wait for the back-off"},
    Transition{SessionState::greeting, SessionInput::stop, SessionState::stopped, "close"},
    Transition{SessionState::greeting, SessionInput::store_failed, SessionState::stopped, "close"},
    Transition{SessionState::live,
               SessionInput::outdated,
               SessionState::recovering,
               "send what is frozen once more; deliver nothing"},
    Transition{SessionState::live,
               SessionInput::server_behind,
               SessionState::waiting,
               "close, wait for the back-off"},
    Transition{SessionState::live, SessionInput::turned_down, SessionState::refused, "close"},
    Transition{SessionState::live,
               SessionInput::violation,
               SessionState::waiting,
               "close, wait for the back-off"},
    Transition{
        SessionState::live, SessionInput::closed, SessionState::waiting, "wait for the back-off"},
    Transition{SessionState::live,
               SessionInput::timeout,
               SessionState::waiting,
               "close, wait for the back-off"},
    Transition{SessionState::live, SessionInput::stop, SessionState::stopped, "close"},
    Transition{SessionState::live, SessionInput::store_failed, SessionState::stopped, "close"},
    Transition{SessionState::recovering,
               SessionInput::drained,
               SessionState::waiting,
               "take a new device id, close, wait for the back-off"},
    Transition{SessionState::recovering, SessionInput::turned_down, SessionState::refused, "close"},
    Transition{SessionState::recovering,
               SessionInput::violation,
               SessionState::waiting,
               "close, wait for the back-off"},
    Transition{SessionState::recovering,
               SessionInput::closed,
               SessionState::waiting,
               "wait for the back-off"},
    Transition{SessionState::recovering,
               SessionInput::timeout,
               SessionState::waiting,
               "close, wait for the back-off"},
    Transition{SessionState::recovering, SessionInput::stop, SessionState::stopped, "close"},
    Transition{
        SessionState::recovering, SessionInput::store_failed, SessionState::stopped, "close"},
    Transition{SessionState::waiting, SessionInput::timeout, SessionState::connecting, "connect"},
    Transition{SessionState::waiting, SessionInput::retry, SessionState::connecting, "connect"},
    Transition{SessionState::waiting, SessionInput::stop, SessionState::stopped, "-"},
    Transition{SessionState::waiting, SessionInput::store_failed, SessionState::stopped, "-"},
    Transition{SessionState::refused, SessionInput::retry, SessionState::connecting, "connect"},
    Transition{SessionState::refused, SessionInput::stop, SessionState::stopped, "-"},
    Transition{SessionState::refused, SessionInput::store_failed, SessionState::stopped, "-"},
};

/// The row for a state and an input; nothing if the pair changes nothing.
constexpr Transition const* find_transition(SessionState from, SessionInput on) {
    for (Transition const& row : kTransitions) {
        if (row.from == from && row.on == on) {
            return &row;
        }
    }
    return nullptr;
}

std::string_view to_string(SessionState state);
std::string_view to_string(SessionInput input);

/// The last transitions, for people who ask what a client has been doing.
class TransitionLog {
  public:
    static constexpr std::size_t kEntriesMax = 256;
    struct Entry {
        Instant at;
        SessionState from;
        SessionInput on;
        SessionState to;
        std::string detail;
    };

    void add(Entry entry);
    std::deque<Entry> const& entries() const { return entries_; }
    /// One line each: `12.345 greeting welcome -> live`, seconds since the clock's start.
    std::string text() const;

  private:
    std::deque<Entry> entries_;  // oldest first, at most kEntriesMax
};

}  // namespace capstan::sync
