#pragma once
#include <boost/beast/websocket/error.hpp>
#include <capstan/engine/tls/beast_stream.hpp>
#include <capstan/server/net/frame_guard.hpp>
#include <capstan/server/net/listener.hpp>
#include <cstdint>
#include <optional>
#include <utility>

namespace capstan {

/// A socket whose input passes the frame guard before anyone else sees it.
class GuardedStream {
  public:
    using executor_type = TlsSocket::executor_type;

    GuardedStream(TlsSocket socket,
                  FrameLimits const& limits,
                  Clock const& clock,
                  ListenerCounters& counters)
        : socket_(std::move(socket)), guard_(limits), clock_(clock), counters_(counters) {}

    executor_type get_executor() { return socket_.get_executor(); }
    TlsSocket& socket() { return socket_; }
    /// The close code that the guard asks for; after it reading fails.
    std::optional<std::uint16_t> violation() const { return violation_; }
    bool is_late(Instant now) const { return guarding_ && guard_.is_late(now); }
    /// Frames begin with the next byte.
    void guard_from_here() { guarding_ = true; }

    template <class Buffers, class Handler>
    void async_read_some(Buffers const& buffers, Handler&& handler) {
        socket_.async_read_some(buffers,
                                [this, buffers, handler = std::forward<Handler>(handler)](
                                    boost::system::error_code error, std::size_t bytes) mutable {
                                    if (!error && guarding_ && !passes(buffers, bytes)) {
                                        ++counters_.refused_frames;
                                        error = boost::beast::websocket::error::bad_opcode;
                                    }
                                    handler(error, bytes);
                                });
    }

    template <class Buffers, class Handler>
    void async_write_some(Buffers const& buffers, Handler&& handler) {
        socket_.async_write_some(buffers, std::forward<Handler>(handler));
    }

  private:
    template <class Buffers>
    bool passes(Buffers const& buffers, std::size_t bytes) {
        auto const end = boost::asio::buffer_sequence_end(buffers);
        for (auto at = boost::asio::buffer_sequence_begin(buffers); at != end && bytes > 0; ++at) {
            boost::asio::mutable_buffer const piece = *at;
            auto const take = std::min(bytes, piece.size());
            bytes -= take;
            violation_ =
                guard_.read({static_cast<std::byte const*>(piece.data()), take}, clock_.now());
            if (violation_) {
                return false;
            }
        }
        return true;
    }

    TlsSocket socket_;
    FrameGuard guard_;
    Clock const& clock_;
    ListenerCounters& counters_;
    bool guarding_ = false;
    std::optional<std::uint16_t> violation_;
};

inline void beast_close_socket(GuardedStream& stream) {
    beast_close_socket(stream.socket());
}

inline void teardown(boost::beast::role_type role,
                     GuardedStream& stream,
                     boost::system::error_code& error) {
    teardown(role, stream.socket(), error);
}

template <class Handler>
void async_teardown(boost::beast::role_type role, GuardedStream& stream, Handler&& handler) {
    async_teardown(role, stream.socket(), std::forward<Handler>(handler));
}

}  // namespace capstan
