#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <capstan/server/net/listener.hpp>

#include "connections.hpp"

namespace capstan {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAcceptPause = std::chrono::milliseconds(100);

class TcpListener final : public Listener {
  public:
    TcpListener(asio::io_context& context,
                ListenerOptions options,
                Clock& clock,
                HttpHandler& handler,
                SessionHost* sessions)
        : shared_hub_(new ConnectionHub{.options = std::move(options),
                                        .clock = clock,
                                        .handler = handler,
                                        .sessions = sessions,
                                        .poll = SocketPoll(context)}),
          acceptor_(context),
          pause_(context) {
        hub_.on_closed = [this] { accept_if_room(); };
    }
    ~TcpListener() override { hub_.on_closed = nullptr; }
    TcpListener(TcpListener const&) = delete;
    TcpListener& operator=(TcpListener const&) = delete;

    Result<> listen() {
        error_code error;
        auto const address = asio::ip::make_address(options_.address, error);
        if (error) {
            return Error{Errc::config_invalid, options_.address + " is no address"};
        }
        tcp::endpoint const endpoint(address, options_.port);
        acceptor_.open(endpoint.protocol(), error);
        if (!error) {
            acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
        }
        if (!error) {
            acceptor_.bind(endpoint, error);
        }
        if (!error) {
            acceptor_.listen(tcp::acceptor::max_listen_connections, error);
        }
        if (!error) {
            port_ = acceptor_.local_endpoint(error).port();
        }
        if (error) {
            auto const code =
                error == asio::error::address_in_use ? Errc::port_taken : Errc::config_invalid;
            return Error{
                code,
                options_.address + ":" + std::to_string(options_.port) + ": " + error.message()};
        }
        accept_if_room();
        return success();
    }

    void set_options(ListenerOptions const& options) override {
        CAPSTAN_INVARIANT((options.tls == nullptr) == (options_.tls == nullptr));
        hub_.options = options;
        accept_if_room();
    }

    std::uint16_t port() const override { return port_; }

    void on_tick(Instant now) override {
        accept_if_room();
        for (auto at = hub_.open.begin(); at != hub_.open.end();) {
            (*at++)->on_tick(now);
        }
    }

    void stop_accepting() override {
        stopped_ = true;
        error_code ignored;
        acceptor_.close(ignored);
        pause_.cancel();
    }

    void close() override {
        stop_accepting();
        for (auto at = hub_.open.begin(); at != hub_.open.end();) {
            (*at++)->abort();
        }
        hub_.poll.close();
    }

    ListenerCounters const& counters() const override { return hub_.counters; }

  private:
    void accept_if_room() {
        if (stopped_ || accepting_ || hub_.open.size() >= options_.connections_max) {
            return;
        }
        if (!may_accept_now()) {
            pause();
            return;
        }
        accepting_ = true;
        acceptor_.async_accept([this](error_code const& error, tcp::socket socket) {
            accepting_ = false;
            if (error == asio::error::operation_aborted || stopped_) {
                return;  // or accepted before that, and told of now
            }
            if (error) {
                pause();
                return;
            }
            ++hub_.counters.accepted;
            ++accepted_this_second_;
            start_http(shared_hub_, std::move(socket));
            accept_if_room();
        });
    }

    /// A crowd that comes at once is let in at a rate; the rest waits in the kernel's queue.
    bool may_accept_now() {
        auto const now = hub_.clock.now();
        if (now - second_began_ >= std::chrono::seconds(1)) {
            second_began_ = now;
            accepted_this_second_ = 0;
        }
        return accepted_this_second_ < options_.accepts_per_second;
    }

    /// No descriptors are left, the network is in trouble, or too many came at once: those who are
    /// here go on.
    void pause() {
        if (std::exchange(pausing_, true)) {
            return;
        }
        pause_.expires_after(kAcceptPause);
        pause_.async_wait([this](error_code const& error) {
            pausing_ = false;
            if (!error) {
                accept_if_room();
            }
        });
    }

    std::shared_ptr<ConnectionHub> shared_hub_;
    ConnectionHub& hub_ = *shared_hub_;
    ListenerOptions const& options_ = hub_.options;
    tcp::acceptor acceptor_;
    std::uint16_t port_ = 0;  // known when it is closed, too
    asio::steady_timer pause_;
    Instant second_began_;
    std::uint64_t accepted_this_second_ = 0;
    bool pausing_ = false;
    bool accepting_ = false;
    bool stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(asio::io_context& context,
                                                 ListenerOptions const& options,
                                                 Clock& clock,
                                                 HttpHandler& handler,
                                                 SessionHost* sessions) {
    auto listener = std::make_unique<TcpListener>(context, options, clock, handler, sessions);
    CAPSTAN_TRY(listener->listen());
    return listener;
}

}  // namespace capstan
