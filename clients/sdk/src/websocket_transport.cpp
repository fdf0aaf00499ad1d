#include "websocket_transport.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/websocket.hpp>
#include <capstan/engine/tls/beast_stream.hpp>
#include <capstan/schema/limits.hpp>
#include <capstan/sdk/server_url.hpp>
#include <charconv>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace capstan {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr auto kCloseMax = std::chrono::seconds(3);
/// Masking copies a message in pieces of this size.
constexpr std::size_t kWriteBufferBytes = 64 * 1'024;

Errc code_of_refusal(beast::http::status status) {
    switch (status) {
        case beast::http::status::unauthorized:
            return Errc::token_invalid;
        case beast::http::status::forbidden:
            return Errc::denied;
        case beast::http::status::service_unavailable:
        case beast::http::status::too_many_requests:
            return Errc::not_ready;
        default:
            return Errc::unavailable;
    }
}

std::optional<std::uint16_t> port_of(std::string const& text) {
    std::uint16_t port = 0;
    auto const* const end = text.data() + text.size();
    auto const [stopped, error] = std::from_chars(text.data(), end, port);
    return error == std::errc{} && stopped == end ? std::optional(port) : std::nullopt;
}

/// One WebSocket on its way from name to close. Its operations keep it alive; `events` is gone once
/// the owner is.
class Line final : public std::enable_shared_from_this<Line> {
  public:
    Line(asio::io_context& context,
         std::shared_ptr<TlsContext const> tls,
         ServerUrl url,
         ConnectionEvents& events)
        : tls_(std::move(tls)),
          url_(std::move(url)),
          events_(&events),
          resolver_(context),
          socket_(tcp::socket(context)),
          close_timer_(context) {}

    void start() {
        // Asio looks names up in a thread of its own, which an address does not need.
        ErrorCode is_name;
        auto const address = asio::ip::make_address(url_.host, is_name);
        if (auto const port = port_of(url_.port); !is_name && port) {
            return connect(tcp::resolver::results_type::create(
                tcp::endpoint(address, *port), url_.host, url_.port));
        }
        resolver_.async_resolve(
            url_.host, url_.port, [self = shared_from_this()](ErrorCode error, auto const& found) {
                self->on_resolved(error, found);
            });
    }
    void fail_soon(Error why) {
        asio::post(socket_.get_executor(),
                   [self = shared_from_this(), why = std::move(why)] { self->end(why); });
    }
    void send(Bytes message) {
        if (closing_ || ended_) {
            return;
        }
        queued_bytes_ += message.size();
        queue_.push_back(std::move(message));
        write_next();
    }
    std::size_t queued_bytes() const { return queued_bytes_; }

    void close() {
        if (std::exchange(closing_, true) || ended_) {
            return;
        }
        close_timer_.expires_after(kCloseMax);
        close_timer_.async_wait([self = shared_from_this()](ErrorCode error) {
            if (!error) {
                self->end(Error{Errc::connection_closed, "closed"});
            }
        });
        if (open_) {
            write_next();
        } else {
            drop();
        }
    }
    /// The owner is gone: nobody hears of this any more.
    void detach() {
        events_ = nullptr;
        if (!closing_) {
            drop();
        }
    }

  private:
    using Socket = websocket::stream<TlsSocket>;

    void on_resolved(ErrorCode error, tcp::resolver::results_type const& found) {
        if (error) {
            return end(unreachable("looking up " + url_.host, error));
        }
        connect(found);
    }

    void connect(tcp::resolver::results_type const& found) {
        asio::async_connect(socket_.next_layer().tcp(),
                            found,
                            [self = shared_from_this()](ErrorCode failed, tcp::endpoint const&) {
                                self->on_connected(failed);
                            });
    }

    void on_connected(ErrorCode error) {
        if (error) {
            return end(unreachable("connecting to " + url_.authority(), error));
        }
        ErrorCode ignored;
        socket_.next_layer().tcp().set_option(tcp::no_delay(true), ignored);
        if (!url_.secure) {
            return greet();
        }
        socket_.next_layer().start_client(*tls_, url_.host);
        socket_.next_layer().async_handshake(
            [self = shared_from_this()](ErrorCode failed) { self->on_secure(failed); });
    }

    void on_secure(ErrorCode error) {
        auto const why = socket_.next_layer().why();
        if (error && !why.empty()) {
            return end(Error{Errc::tls_failed, url_.authority() + ": " + why});
        }
        if (error) {
            return end(unreachable("greeting " + url_.authority(), error));
        }
        greet();
    }

    void greet() {
        socket_.binary(true);
        socket_.auto_fragment(false);
        socket_.read_message_max(kMessageBytesMax);
        socket_.write_buffer_bytes(kWriteBufferBytes);
        socket_.async_handshake(
            answer_,
            url_.authority(),
            url_.prefix + "/v1/sync",
            [self = shared_from_this()](ErrorCode failed) { self->on_handshake(failed); });
    }

    void on_handshake(ErrorCode error) {
        if (error == websocket::error::upgrade_declined) {
            return end(Error{code_of_refusal(answer_.result()),
                             url_.authority() + " answered " +
                                 std::to_string(answer_.result_int()) + " to a WebSocket"});
        }
        if (error) {
            return end(unreachable("greeting " + url_.authority(), error));
        }
        open_ = true;
        if (events_ != nullptr) {
            events_->on_open();
        }
        read_next();
        write_next();
    }

    void read_next() {
        if (ended_) {
            return;
        }
        in_.clear();
        socket_.async_read(in_, [self = shared_from_this()](ErrorCode error, std::size_t) {
            self->on_read(error);
        });
    }

    void on_read(ErrorCode error) {
        if (error) {
            return end(lost(error));
        }
        if (events_ != nullptr && !closing_) {
            auto const data = in_.cdata();
            events_->on_message({static_cast<std::byte const*>(data.data()), data.size()});
        }
        read_next();
    }

    void write_next() {
        if (!open_ || writing_ || ended_) {
            return;
        }
        if (queue_.empty()) {
            if (closing_ && !std::exchange(close_sent_, true)) {
                socket_.async_close(websocket::close_code::normal,
                                    [self = shared_from_this()](ErrorCode) {
                                        self->end(Error{Errc::connection_closed, "closed"});
                                    });
            }
            return;
        }
        writing_ = true;
        socket_.async_write(
            asio::buffer(queue_.front()),
            [self = shared_from_this()](ErrorCode error, std::size_t) { self->on_written(error); });
    }

    void on_written(ErrorCode error) {
        writing_ = false;
        if (error) {
            return end(lost(error));
        }
        queued_bytes_ -= queue_.front().size();
        queue_.pop_front();
        write_next();
    }

    /// Ends whatever is under way; its operation reports the end.
    void drop() {
        resolver_.cancel();
        socket_.next_layer().close();
    }

    void end(Error const& why) {
        if (std::exchange(ended_, true)) {
            return;
        }
        close_timer_.cancel();
        drop();
        if (auto* const events = std::exchange(events_, nullptr)) {
            events->on_close(why);
        }
    }

    static Error unreachable(std::string const& doing, ErrorCode error) {
        return Error{Errc::unavailable, doing + ": " + error.message()};
    }
    Error lost(ErrorCode error) const {
        if (error == websocket::error::closed) {
            auto const& reason = socket_.reason();
            return Error{Errc::connection_closed,
                         reason.reason.empty() ? "the server closed the connection"
                                               : std::string(reason.reason.c_str())};
        }
        auto const code =
            error == websocket::error::message_too_big ? Errc::malformed : Errc::connection_closed;
        return Error{code, url_.authority() + ": " + error.message()};
    }

    std::shared_ptr<TlsContext const> tls_;
    ServerUrl url_;
    ConnectionEvents* events_;
    tcp::resolver resolver_;
    Socket socket_;
    websocket::response_type answer_;
    asio::steady_timer close_timer_;
    beast::flat_buffer in_;
    std::deque<Bytes> queue_;
    std::size_t queued_bytes_ = 0;
    bool open_ = false;
    bool writing_ = false;
    bool closing_ = false;
    bool close_sent_ = false;
    bool ended_ = false;
};

class WebSocketConnection final : public Connection {
  public:
    explicit WebSocketConnection(std::shared_ptr<Line> line) : line_(std::move(line)) {}
    ~WebSocketConnection() override { line_->detach(); }
    void send(Bytes message) override { line_->send(std::move(message)); }
    std::size_t queued_bytes() const override { return line_->queued_bytes(); }
    void close() override { line_->close(); }

  private:
    std::shared_ptr<Line> line_;
};

}  // namespace

std::unique_ptr<Connection> WebSocketTransport::open(std::string_view url,
                                                     ConnectionEvents& events) {
    auto parsed = ServerUrl::parse(url);
    if (parsed && parsed.value().secure && tls_ == nullptr) {
        parsed = Error{Errc::tls_failed, "no authorities to believe"};
    }
    auto line = std::make_shared<Line>(
        context_, tls_, parsed ? std::move(parsed.value()) : ServerUrl{}, events);
    if (parsed) {
        line->start();
    } else {
        line->fail_soon(parsed.error());
    }
    return std::make_unique<WebSocketConnection>(std::move(line));
}

}  // namespace capstan
