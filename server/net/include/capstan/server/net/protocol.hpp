#pragma once
#include <array>
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/server/net/web_socket.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace capstan {

/// What goes to a socket next, in order. Shared payloads are not copied.
class WriteBatch {
  public:
    struct Piece {
        std::string text;
        std::array<std::byte, WebSocketPeer::kHeaderBytesMax> header{};
        std::uint8_t header_bytes = 0;
        std::shared_ptr<Bytes const> payload;  // behind the header

        std::size_t bytes() const {
            return text.size() + header_bytes + (payload ? payload->size() : 0);
        }
    };

    void add(std::string text);
    /// One WebSocket message.
    void add(std::shared_ptr<Bytes const> message);
    std::size_t bytes() const { return bytes_; }
    std::vector<Piece> take();

  private:
    std::vector<Piece> pieces_;
    std::size_t bytes_ = 0;
};

/// How a protocol wants its connection to go on.
enum class Outlook : std::uint8_t {
    open,
    closing,  // write what is left, then close
    over,     // close at once
};

/// What is spoken on one connection, sans-IO: bytes in, bytes out, time as a value.
///
/// The connection feeds what it reads, writes what `gather` gives, and calls `on_tick` a few times
/// a second. The protocol calls the `wake` that it was made with when it has something to write, or
/// takes bytes again, without having been called. Threading: the strand.
class Protocol {
  public:
    virtual ~Protocol() = default;

    /// Takes bytes from the front. What it leaves is offered again when `wants_bytes`.
    virtual void receive(ByteView& bytes, Instant now) = 0;
    virtual bool wants_bytes() const = 0;
    /// Adds what should be written next: nothing, or around `bytes_max`.
    virtual void gather(WriteBatch& batch, std::size_t bytes_max) = 0;
    virtual Outlook outlook() const = 0;
    virtual void on_tick(Instant now) = 0;
    /// The peer sends no more.
    virtual void on_end() = 0;
    /// The connection is gone. The last call.
    virtual void on_gone() = 0;
    /// The protocol that goes on with the bytes that were left, once there is one.
    virtual std::unique_ptr<Protocol> successor() { return nullptr; }
    virtual std::string_view name() const = 0;
};

}  // namespace capstan
