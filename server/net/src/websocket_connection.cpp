#include <array>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <vector>

#include "connections.hpp"
#include "guarded_stream.hpp"

namespace capstan {
namespace {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;

constexpr std::size_t kWriteBytes = 524'288;
constexpr std::size_t kDropBytes = 4'096;

/// Carries the messages of one session. At most one read, one write and one ping are under way.
class WebSocketConnection final : public Connection {
  public:
    WebSocketConnection(std::shared_ptr<ConnectionHub> hub, TlsSocket socket)
        : Connection(std::move(hub)),
          stream_(std::move(socket), hub_.options.frames, hub_.clock, hub_.counters) {}
    ~WebSocketConnection() override { end_session(); }

    void start(UpgradeRequest request) {
        stream_.set_option(websocket::stream_base::timeout{
            websocket::stream_base::none(), websocket::stream_base::none(), false});
        stream_.read_message_max(hub_.options.frames.message_bytes_max);
        stream_.auto_fragment(false);
        stream_.binary(true);
        stream_.control_callback([this](websocket::frame_type kind, boost::beast::string_view) {
            if (kind != websocket::frame_type::close && session_) {
                session_->on_alive(now());
            }
        });
        end_by_ = now().plus(hub_.options.head_max);
        auto const kept = std::make_shared<UpgradeRequest>(std::move(request));
        stream_.async_accept(*kept, [this, self = self(), kept](error_code const& error) {
            if (!error) {
                on_accepted();
            }
        });
    }

    void on_tick(Instant now) override {
        if (!session_ || closing_) {
            if (now > end_by_) {
                ++hub_.counters.timed_out;
                abort();
            }
            return;
        }
        if (session_->ending() == Ending::at_once) {
            abort();
        } else if (reading_ && stream_.next_layer().is_late(now)) {
            ++hub_.counters.timed_out;
            close(websocket::close_code::too_big);
        } else if (now > ping_at_ && !pinging_) {
            ping();
        }
    }

    void abort() override { stream_.next_layer().socket().close(); }

  private:
    std::shared_ptr<WebSocketConnection> self() {
        return std::static_pointer_cast<WebSocketConnection>(shared_from_this());
    }

    void on_accepted() {
        ++hub_.counters.websockets;
        stream_.next_layer().guard_from_here();
        ping_at_ = now().plus(hub_.options.ping_every);
        session_ = hub_.sessions->accept(
            [weak = std::weak_ptr(self())] {
                if (auto const alive = weak.lock()) {
                    alive->go_on();
                }
            },
            now());
        go_on();
    }

    /// Starts what the session wants and what isn't under way.
    void go_on() {
        if (!session_ || closing_) {
            return;
        }
        if (session_->ending() == Ending::at_once) {
            abort();
            return;
        }
        if (!writing_) {
            write();
        }
        if (!writing_ && session_->ending() == Ending::after_writes) {
            close(close_code_);
        } else if (!reading_ && session_->wants_read()) {
            read();
        }
    }

    void read() {
        reading_ = true;
        stream_.async_read(input_, [this, self = self()](error_code const& error, std::size_t) {
            reading_ = false;
            if (error) {
                end_session();
                say_violation();
                return;
            }
            if (!session_) {
                return;  // a write has failed since this was read
            }
            on_input();
            go_on();
        });
    }

    void on_input() {
        auto const data = input_.cdata();
        ping_at_ = now().plus(hub_.options.ping_every);
        if (stream_.got_text()) {
            close(websocket::close_code::unknown_data);
            return;
        }
        ByteView const message(static_cast<std::byte const*>(data.data()), data.size());
        if (auto const done = session_->on_message(message, now()); !done) {
            // The session has said why to the peer, and is ending.
            close_code_ = code_of(done.error().code);
        }
        // An idle connection holds no buffer.
        input_.clear();
        input_.shrink_to_fit();
    }

    void write() {
        output_ = session_->next_write(kWriteBytes);
        if (!output_) {
            return;
        }
        writing_ = true;
        auto const piece = [](SharedBytes const& bytes) {
            return bytes ? asio::const_buffer(asio::buffer(*bytes)) : asio::const_buffer();
        };
        std::array const pieces{piece(output_.first), piece(output_.second)};
        stream_.async_write(pieces, [this, self = self()](error_code const& error, std::size_t) {
            writing_ = false;
            output_ = {};
            if (error) {
                end_session();
                return;
            }
            go_on();
        });
    }

    void ping() {
        pinging_ = true;
        ping_at_ = now().plus(hub_.options.ping_every);
        stream_.async_ping({}, [this, self = self()](error_code const&) { pinging_ = false; });
    }

    static websocket::close_code code_of(Errc code) {
        switch (code) {
            case Errc::malformed:
            case Errc::protocol_violation:
            case Errc::version_unsupported:
                return websocket::close_code::protocol_error;
            case Errc::too_large:
                return websocket::close_code::too_big;
            case Errc::token_invalid:
            case Errc::denied:
                return websocket::close_code::policy_error;
            default:
                return websocket::close_code::try_again_later;
        }
    }

    void close(websocket::close_code code) {
        closing_ = true;
        end_by_ = now().plus(hub_.options.write_max);
        stream_.async_close(code, [this, self = self()](error_code const&) { end_session(); });
    }

    /// The library never saw the frame that the guard refused, so its close code is said here;
    /// then the peer gets a moment to read it before the socket goes.
    void say_violation() {
        auto const code = stream_.next_layer().violation();
        if (!code || writing_ || pinging_) {
            return;
        }
        std::array<std::byte, 4> const frame{std::byte{0x88},
                                             std::byte{2},
                                             static_cast<std::byte>(*code >> 8),
                                             static_cast<std::byte>(*code & 0xff)};
        auto& socket = stream_.next_layer().socket();
        socket.write_now(frame);
        socket.shutdown_send();
        closing_ = true;
        end_by_ = now().plus(std::chrono::seconds(1));
        drop_input();
    }

    void drop_input() {
        dropped_.resize(kDropBytes);
        stream_.next_layer().socket().async_read_some(
            asio::buffer(dropped_), [this, self = self()](error_code const& error, std::size_t) {
                if (!error) {
                    drop_input();
                }
            });
    }

    void end_session() {
        if (session_) {
            session_->on_close();
            session_.reset();
        }
    }

    websocket::stream<GuardedStream, false> stream_;
    boost::beast::flat_buffer input_;
    Payload output_;
    std::shared_ptr<Session> session_;
    Instant end_by_;  // the handshake, or the end
    Instant ping_at_;
    websocket::close_code close_code_ = websocket::close_code::going_away;
    std::vector<std::byte> dropped_;
    bool reading_ = false;
    bool writing_ = false;
    bool pinging_ = false;
    bool closing_ = false;
};

}  // namespace

void start_websocket(std::shared_ptr<ConnectionHub> hub, TlsSocket socket, UpgradeRequest request) {
    std::make_shared<WebSocketConnection>(std::move(hub), std::move(socket))
        ->start(std::move(request));
}

}  // namespace capstan
