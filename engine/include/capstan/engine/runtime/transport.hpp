#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <cstddef>
#include <memory>
#include <string_view>

namespace capstan {

/// Hears what happens on one connection, on the executor that the transport was made with; never
/// inside a call to the connection. Order: `on_open` at most once, then `on_message`s, then
/// `on_close` exactly once as the last call.
class ConnectionEvents {
  public:
    virtual ~ConnectionEvents() = default;
    virtual void on_open() = 0;
    /// One whole message, at most kMessageBytesMax. The bytes are valid during the call, at an
    /// address aligned to 8.
    virtual void on_message(ByteView message) = 0;
    /// `unavailable` (never opened), `connection_closed`, `malformed`, `timed_out`, … as the
    /// transport knows it.
    virtual void on_close(Error const& why) = 0;
};

/// A connection that carries whole messages in order, or closes. Destroying it closes, and no event
/// follows. Threading: the transport's executor.
class Connection {
  public:
    virtual ~Connection() = default;
    /// Queues one message. What is sent before `on_open` waits for it; what is sent after the close
    /// is dropped.
    virtual void send(Bytes message) = 0;
    /// Bytes queued here and not yet taken by the operating system. The sender bounds its queue by
    /// it.
    virtual std::size_t queued_bytes() const = 0;
    /// Sends what is queued, then closes; `on_close` follows.
    virtual void close() = 0;
};

/// Opens connections to a server. `events` outlives the connection.
class Transport {
  public:
    virtual ~Transport() = default;
    virtual std::unique_ptr<Connection> open(std::string_view url, ConnectionEvents& events) = 0;
};

}  // namespace capstan
