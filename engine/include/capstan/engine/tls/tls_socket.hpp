#pragma once
#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <capstan/engine/tls/session.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace capstan {

/// A TCP socket whose bytes pass through TLS, once it is told so. A plain one costs a pointer and a
/// comparison more than the socket itself. Includes Asio, for it is a stream to Beast.
/// Shape: one read and one write at a time, as with the socket. Lifetime: what a handler holds
/// keeps it.
class TlsSocket {
  public:
    using Tcp = boost::asio::ip::tcp::socket;
    using executor_type = Tcp::executor_type;
    using ErrorCode = boost::system::error_code;

    explicit TlsSocket(Tcp socket) : socket_(std::move(socket)) {}

    executor_type get_executor() { return socket_.get_executor(); }
    Tcp& tcp() { return socket_; }
    bool is_secure() const { return session_ != nullptr; }

    /// From here on TLS is spoken, as the server or as a client of `host`; the handshake is next.
    void start_server(TlsContext const& context);
    void start_client(TlsContext const& context, std::string const& host);

    /// `handler(ErrorCode)`
    template <class Handler>
    void async_handshake(Handler handler) {
        attempt([this] { return session_->handshake(); },
                [handler = std::move(handler)](ErrorCode error, std::size_t) mutable {
                    handler(error);
                });
    }

    /// Into the first buffer only: the system takes one with less ado than a list of them.
    template <class Buffers, class Handler>
    void async_read_some(Buffers const& buffers, Handler&& handler) {
        auto const into = first_of<boost::asio::mutable_buffer>(buffers);
        if (!session_) {
            socket_.async_read_some(into, std::forward<Handler>(handler));
            return;
        }
        attempt([this, into] { return read(into); }, std::forward<Handler>(handler));
    }

    template <class Buffers, class Handler>
    void async_write_some(Buffers const& buffers, Handler&& handler) {
        if (!session_) {
            socket_.async_write_some(buffers, std::forward<Handler>(handler));
            return;
        }
        attempt([this, buffers] { return write_joined(buffers); }, std::forward<Handler>(handler));
    }

    /// Writes what the socket takes at once; the rest is lost.
    void write_now(ByteView bytes);
    /// Tells a TLS peer that nothing more comes, if the socket takes it now.
    void say_goodbye();
    /// The same, and nothing more can be written.
    void shutdown_send();
    void close();

    /// Gives its parts away: the descriptor, which is the caller's to close, and TLS on it.
    /// Precondition: nothing is under way.
    std::pair<int, std::unique_ptr<TlsSession>> release();

    /// Why TLS failed, for people; empty where it did not.
    std::string why() const { return session_ ? session_->why() : std::string(); }
    bool heard_plain_http() const { return session_ && session_->heard_plain_http(); }
    /// Speaks plainly again: to a peer that never spoke TLS.
    void forget_tls() { session_.reset(); }

  private:
    static constexpr std::size_t kRecordBytes = 16'384;

    template <class Buffer, class Buffers>
    static Buffer first_of(Buffers const& buffers) {
        auto const end = boost::asio::buffer_sequence_end(buffers);
        for (auto at = boost::asio::buffer_sequence_begin(buffers); at != end; ++at) {
            if (Buffer const piece(*at); piece.size() > 0) {
                return piece;
            }
        }
        return {};
    }

    TlsStep read(boost::asio::mutable_buffer into);
    TlsStep write(boost::asio::const_buffer from);

    /// Small pieces, a frame's header and its payload, share a record.
    template <class Buffers>
    TlsStep write_joined(Buffers const& buffers) {
        auto const first = first_of<boost::asio::const_buffer>(buffers);
        if (first.size() >= kRecordBytes || first.size() == boost::asio::buffer_size(buffers)) {
            return write(first);
        }
        std::array<std::byte, kRecordBytes> joined;
        auto const bytes = boost::asio::buffer_copy(boost::asio::buffer(joined), buffers);
        return write(boost::asio::buffer(joined.data(), bytes));
    }

    static ErrorCode error_of(TlsStep::Outcome outcome);

    /// Tries now; the handler is called later, as Asio promises.
    template <class Try, class Handler>
    void attempt(Try next, Handler&& handler) {
        auto const step = next();
        if (auto const wait = wait_of(step)) {
            wait_and_try(*wait, std::move(next), std::forward<Handler>(handler));
            return;
        }
        boost::asio::post(get_executor(),
                          [step, handler = std::forward<Handler>(handler)]() mutable {
                              handler(error_of(step.outcome), step.bytes);
                          });
    }

    template <class Try, class Handler>
    void wait_and_try(Tcp::wait_type wait, Try next, Handler&& handler) {
        socket_.async_wait(wait,
                           [this, next = std::move(next), handler = std::forward<Handler>(handler)](
                               ErrorCode error) mutable {
                               if (error) {
                                   handler(error, 0);
                                   return;
                               }
                               auto const step = next();
                               if (auto const again = wait_of(step)) {
                                   wait_and_try(*again, std::move(next), std::move(handler));
                               } else {
                                   handler(error_of(step.outcome), step.bytes);
                               }
                           });
    }

    static std::optional<Tcp::wait_type> wait_of(TlsStep const& step);

    Tcp socket_;
    std::unique_ptr<TlsSession> session_;
};

}  // namespace capstan
