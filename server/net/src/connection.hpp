#pragma once
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <capstan/server/net/http_service.hpp>
#include <capstan/server/net/protocol.hpp>
#include <cstddef>
#include <memory>
#include <vector>

namespace capstan {

/// What connections borrow from their server.
struct ConnectionShared {
    NetServices& services;
    Duration write_max;
    std::vector<std::byte> read_buffer;  // for what is more than a connection's own kibibyte
};

/// A socket and what is spoken on it: reads when bytes are wanted, writes what there is to write,
/// ends when the protocol says so. Threading: the strand.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    using Socket = boost::asio::ip::tcp::socket;

    Connection(Socket socket, ConnectionShared& shared);
    void start();
    void on_tick(Instant now);
    /// Ends it now. The protocol has heard it before this returns.
    void close();
    bool is_closed() const { return closed_; }
    std::string_view protocol_name() const { return protocol_->name(); }

  private:
    static constexpr std::size_t kOwnBufferBytes = 1'024;
    static constexpr std::size_t kHeldBytesMax = 16'384;
    static constexpr std::size_t kGatherBytes = 262'144;
    static constexpr std::size_t kBuffersMax = 64;

    /// All that can be done now: feeds held bytes, writes, then waits for the socket or ends.
    void run();
    void feed(ByteView bytes);
    void feed_held();
    bool write();
    bool write_some();
    void drop_written(std::size_t bytes);
    void settle();

    void wait_readable();
    void on_read(std::size_t bytes);
    void on_read_end();
    void read_rest();
    void wait_writable();
    void linger();

    Socket socket_;
    ConnectionShared& shared_;
    std::unique_ptr<Protocol> protocol_;
    std::vector<WriteBatch::Piece> pieces_;
    std::size_t first_piece_ = 0;
    std::size_t first_offset_ = 0;  // written of the first piece
    Bytes held_;                    // read, and not yet taken
    Instant since_;                 // the last progress of writing, or the start of lingering
    bool reading_ = false;
    bool write_waits_ = false;
    bool running_ = false;
    bool again_ = false;
    bool ended_ = false;  // the peer sends no more
    bool lingering_ = false;
    bool closed_ = false;
    std::array<std::byte, kOwnBufferBytes> own_buffer_;
};

}  // namespace capstan
