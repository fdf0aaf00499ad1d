#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <capstan/server/net/net_server.hpp>
#include <unordered_set>
#include <utility>

#include "connection.hpp"

namespace capstan {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Errors = boost::system::error_code;

constexpr Duration kPause = std::chrono::milliseconds(100);
constexpr std::size_t kReadBufferBytes = 262'144;

class AsioNetServer final : public NetServer {
  public:
    AsioNetServer(asio::io_context& context,
                  Executor& strand,
                  NetOptions const& options,
                  NetServices& services)
        : context_(context),
          strand_(strand),
          options_(options),
          services_(services),
          shared_{services, options.write, std::vector<std::byte>(kReadBufferBytes)},
          acceptor_(context) {}
    ~AsioNetServer() override { close_all(); }

    Result<> listen(std::string const& host, std::uint16_t port) override;
    std::uint16_t port() const override { return port_; }
    void stop_accepting() override;
    void close_all() override;
    Open open_connections() const override;

  private:
    void accept();
    void on_accept(Errors error, tcp::socket socket);
    bool may_accept(Instant now);
    void pause();
    void tick();

    asio::io_context& context_;
    Executor& strand_;
    NetOptions options_;
    NetServices& services_;
    ConnectionShared shared_;
    tcp::acceptor acceptor_;
    std::uint16_t port_ = 0;
    bool paused_ = false;
    Instant accepts_full_;  // when the bucket of accepts is full again
    std::unordered_set<std::shared_ptr<Connection>> connections_;
    std::unique_ptr<Timer> tick_timer_;
    std::unique_ptr<Timer> pause_timer_;
};

Error listen_error(std::string const& host, std::uint16_t port, Errors error) {
    bool const taken = error == asio::error::address_in_use;
    return Error{taken ? Errc::port_taken : Errc::config_invalid,
                 host + " port " + std::to_string(port) + ": " + error.message()};
}

Result<> AsioNetServer::listen(std::string const& host, std::uint16_t port) {
    Errors error;
    tcp::resolver resolver(context_);
    auto const found = resolver.resolve(host, std::to_string(port), error);
    if (error || found.empty()) {
        return Error{Errc::config_invalid, host + ": " + error.message()};
    }
    tcp::endpoint const endpoint = *found.begin();
    acceptor_.open(endpoint.protocol(), error);
    if (!error) {
        acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    }
    if (!error) {
        acceptor_.bind(endpoint, error);
    }
    if (!error) {
        acceptor_.listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) {
        return listen_error(host, port, error);
    }
    port_ = acceptor_.local_endpoint().port();
    accept();
    tick();
    return success();
}

void AsioNetServer::accept() {
    paused_ = false;
    acceptor_.async_accept([this](Errors error, tcp::socket socket) {
        if (error != asio::error::operation_aborted) {
            on_accept(error, std::move(socket));
        }
    });
}

void AsioNetServer::on_accept(Errors error, tcp::socket socket) {
    auto const now = services_.clock.now();
    if (!error) {
        ++services_.counters.accepted;
        auto const connection = std::make_shared<Connection>(std::move(socket), shared_);
        connections_.insert(connection);
        connection->start();
    }
    // Descriptors may have run out: what is open goes on, and closing connections gives some back.
    (error || !may_accept(now)) ? pause() : accept();
}

bool AsioNetServer::may_accept(Instant now) {
    auto const gap =
        Duration(std::chrono::seconds(1)) / static_cast<std::int64_t>(options_.accepts_per_second);
    accepts_full_ = std::max(accepts_full_, now).plus(gap);
    return connections_.size() < options_.connections_max &&
           accepts_full_ - now < std::chrono::seconds(1);
}

void AsioNetServer::pause() {
    ++services_.counters.accept_pauses;
    paused_ = true;
    pause_timer_ = strand_.after(kPause, [this] {
        bool const room = connections_.size() < options_.connections_max;
        room&& acceptor_.is_open() ? accept() : pause();
    });
}

void AsioNetServer::tick() {
    auto const now = services_.clock.now();
    for (auto const& connection : connections_) {
        connection->on_tick(now);
    }
    std::erase_if(connections_, [](auto const& connection) { return connection->is_closed(); });
    tick_timer_ = strand_.after(options_.tick, [this] { tick(); });
}

void AsioNetServer::stop_accepting() {
    Errors ignored;
    acceptor_.close(ignored);
    pause_timer_.reset();
}

void AsioNetServer::close_all() {
    stop_accepting();
    for (auto const& connection : std::exchange(connections_, {})) {
        connection->close();
    }
}

NetServer::Open AsioNetServer::open_connections() const {
    Open open;
    for (auto const& connection : connections_) {
        if (!connection->is_closed()) {
            ++(connection->protocol_name() == "http" ? open.http : open.web_socket);
        }
    }
    return open;
}

}  // namespace

std::unique_ptr<NetServer> NetServer::make(asio::io_context& context,
                                           Executor& strand,
                                           NetOptions const& options,
                                           NetServices& services) {
    return std::make_unique<AsioNetServer>(context, strand, options, services);
}

std::size_t connections_allowed(std::size_t wanted, std::size_t reserved) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return wanted;
    }
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    auto const descriptors = static_cast<std::size_t>(limit.rlim_cur);
    return std::min(wanted, descriptors > reserved ? descriptors - reserved : 1);
}

}  // namespace capstan
