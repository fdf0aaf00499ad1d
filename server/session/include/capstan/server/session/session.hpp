#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace capstan {

using SharedBytes = std::shared_ptr<Bytes const>;

/// What is written as one WebSocket message: one piece, or two behind one another.
struct Payload {
    SharedBytes first;   // nothing: there is nothing to write
    SharedBytes second;  // may be nothing
    explicit operator bool() const { return first != nullptr; }
    std::size_t bytes() const {
        return (first ? first->size() : 0) + (second ? second->size() : 0);
    }
};

/// How a session wants its connection to go on.
enum class Ending : std::uint8_t {
    none,
    after_writes,  // send what is left, then close
    at_once,       // the peer takes nothing, or the server stops
};

/// The server's side of one connection: bytes in, bytes out, no sockets.
///
///   greeting --Hello--> live --error, newer connection, drain--> ending
///
/// The shell calls `on_message` for each binary WebSocket message and writes what `next_write`
/// gives until it gives nothing. Then the session calls `wake`, from a task of the strand of its
/// own, when it has something again. After each call and each wake the shell looks at `wants_read`
/// and `ending`.
///
/// Memory: O(1) for each stream that it follows. What waits in the queue is at most
/// `queued_bytes_soft` of events, and answers to what the peer sent; events that wait behind that
/// stay on the tape. Threading: the strand. Lifetime: `on_close` before the host is destroyed.
class Session {
  public:
    virtual ~Session() = default;

    /// Takes one WebSocket message. After an error the session is ending: a Notice with the error
    /// is on its queue. Errors: `malformed`, `too_large`, `protocol_violation`, `token_invalid`,
    /// `version_unsupported`.
    virtual Result<> on_message(ByteView payload, Instant now) = 0;
    /// The peer has shown that it is there: a pong.
    virtual void on_alive(Instant now) = 0;

    /// False while the peer owes reading: the shell reads no more from the connection.
    virtual bool wants_read() const = 0;
    virtual bool wants_write() const = 0;
    /// The payload of the next WebSocket message, or nothing. Around `bytes_max`, but at least one
    /// whole message. What several sessions send may be the same objects.
    virtual Payload next_write(std::size_t bytes_max) = 0;
    virtual Ending ending() const = 0;
    /// Of messages that wait for the connection. Shared ones count in full.
    virtual std::size_t queued_bytes() const = 0;

    /// The connection is gone; `wake` is not called again. Runs that have no answer yet get none:
    /// the device sends them again.
    virtual void on_close() = 0;
};

}  // namespace capstan
