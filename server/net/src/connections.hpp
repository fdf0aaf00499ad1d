#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <capstan/server/net/listener.hpp>
#include <list>
#include <memory>

#include "peer_socket.hpp"
#include "socket_poll.hpp"

namespace capstan {

class Connection;

/// What all connections of a listener share. It knows every open one, to end what is late. A
/// connection whose answer is still to come may outlive the listener, and so does this.
struct ConnectionHub {
    ListenerOptions options;
    Clock& clock;
    HttpHandler& handler;
    SessionHost* sessions;
    SocketPoll poll;  // of WebSockets
    ListenerCounters counters{};
    std::list<Connection*> open{};
    std::function<void()> on_closed{};
};

/// One peer. It owns itself: the operations under way hold it, and it is gone when the last one
/// ends; a WebSocket is, as long as its socket is open.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    explicit Connection(std::shared_ptr<ConnectionHub> hub)
        : shared_hub_(std::move(hub)), hub_(*shared_hub_) {
        place_ = hub_.open.insert(hub_.open.end(), this);
        ++hub_.counters.open;
    }
    virtual ~Connection() {
        hub_.open.erase(place_);
        --hub_.counters.open;
        if (hub_.on_closed) {
            hub_.on_closed();
        }
    }
    Connection(Connection const&) = delete;
    Connection& operator=(Connection const&) = delete;

    virtual void on_tick(Instant now) = 0;
    /// At once; what is under way is cancelled.
    virtual void abort() = 0;

  protected:
    Instant now() const { return hub_.clock.now(); }
    std::shared_ptr<ConnectionHub> shared_hub_;
    ConnectionHub& hub_;

  private:
    std::list<Connection*>::iterator place_;
};

void start_http(std::shared_ptr<ConnectionHub> hub, boost::asio::ip::tcp::socket socket);
/// Behind the handshake.
void start_websocket(std::shared_ptr<ConnectionHub> hub, std::unique_ptr<PeerSocket> socket);

}  // namespace capstan
