// Connections on loopback sockets, with time as the test says. Each step lets the server do all
// that it can, so nothing here waits.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>
#include <capstan/engine/sim/sim_clock.hpp>
#include <capstan/engine/tls/session.hpp>
#include <capstan/server/net/listener.hpp>
#include <deque>
#include <thread>

#include "web_socket_frames.hpp"

namespace capstan::test {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;

/// Says what a test puts into it; `end` ends it.
class FakeFlow final : public HttpFlow {
  public:
    void start(std::function<void()> wake) override { wake_ = std::move(wake); }
    std::optional<std::string> next() override {
        if (pieces.empty()) {
            return "";
        }
        auto piece = std::move(pieces.front());
        pieces.pop_front();
        ++asked;
        return piece == "end" ? std::nullopt : std::optional(piece);
    }
    void say(std::string piece) {
        pieces.push_back(std::move(piece));
        wake_();
    }
    std::deque<std::string> pieces;
    int asked = 0;

  private:
    std::function<void()> wake_;
};

/// Answers with the body; keeps who asks for /wait.
class FakeHandler final : public HttpHandler {
  public:
    void handle(HttpRequest const& request, Respond respond) override {
        seen.push_back(request.method + " " + request.path);
        if (request.path == "/wait") {
            waiting = std::move(respond);
        } else if (request.path == "/flow") {
            auto const made = std::make_shared<FakeFlow>();
            flow = made;
            respond({.content_type = "text/event-stream", .flow = made});
        } else if (request.path == "/large") {
            respond({.body = std::string(8'000'000, 'x')});
        } else {
            respond({.content_type = "text/plain", .body = request.body});
        }
    }
    std::vector<std::string> seen;
    Respond waiting;
    std::weak_ptr<FakeFlow> flow;  // while the connection keeps it
};

class FakeSession final : public Session {
  public:
    Result<> on_message(ByteView payload, Instant) override {
        received.emplace_back(as_text(payload));
        if (payload.empty()) {
            end = Ending::after_writes;
            return Error{Errc::malformed, "empty"};
        }
        return success();
    }
    void on_alive(Instant) override { ++alive; }
    bool wants_read() const override { return end == Ending::none && !full; }
    bool wants_write() const override { return !queue.empty(); }
    std::size_t queued_bytes() const override { return 0; }
    Payload next_write(std::size_t) override {
        if (queue.empty()) {
            return {};
        }
        auto const piece = [](std::string const& text) {
            auto const bytes = as_bytes(text);
            return std::make_shared<Bytes const>(bytes.begin(), bytes.end());
        };
        auto const text = std::exchange(queue.front(), {});
        queue.pop_front();
        auto const half = text.find('+');  // `head+runs`
        if (half == std::string::npos) {
            return {piece(text), nullptr};
        }
        return {piece(text.substr(0, half)), piece(text.substr(half + 1))};
    }
    Ending ending() const override { return end; }
    void on_close() override { ++closed; }

    std::vector<std::string> received;
    std::deque<std::string> queue;
    Ending end = Ending::none;
    bool full = false;  // what it has to say waits, so it hears no more
    int alive = 0;
    int closed = 0;
};

/// Gives out one session; nothing else of a host is used here.
class FakeHost final : public SessionHost {
  public:
    void attach(Partition&) override {}
    void offer(SnapshotSource&) override {}
    std::shared_ptr<Session> accept(std::function<void()> wake, Instant) override {
        wake_ = std::move(wake);
        session = std::make_shared<FakeSession>();
        return session;
    }
    void wake() { wake_(); }
    void on_tick(Instant) override {}
    void drain() override {}
    void set_options(SessionOptions const&) override {}
    void check_principals() override {}
    bool is_idle() const override { return true; }
    void publish(SinglePublish const&, Instant, OnAnswer) override {}
    void append(KeylessAppend const&, OnAnswer) override {}
    void submit(Bytes, OnVerdict) override {}
    std::uint64_t watch(std::string_view, std::function<void()>) override { return 0; }
    void unwatch(std::uint64_t) override {}
    std::size_t session_count() const override { return 0; }
    SessionCounters const& counters() const override { return counters_; }
    void on_folded(std::span<Folded const>) override {}
    void on_turned_away(std::span<std::uint64_t const>, Error const&) override {}
    void on_moved(StreamMoved const&) override {}
    void on_stopped(Error const&) override {}

    std::shared_ptr<FakeSession> session;

  private:
    std::function<void()> wake_;
    SessionCounters counters_;
};

struct Bed {
    explicit Bed(ListenerOptions const& options = {})
        : listener(Listener::open(context, options, clock, handler, &host).value()) {}
    ~Bed() {
        listener->close();
        handler.waiting = nullptr;  // it keeps a connection
        context.restart();
        context.poll();
    }

    /// Lets the server do what it can, a few times: loopback sockets need a turn of the kernel.
    void run() {
        for (int i = 0; i < 20; ++i) {
            context.restart();
            if (context.poll() == 0) {
                std::this_thread::yield();
            }
        }
    }
    void pass(Duration time) {
        clock.advance(time);
        listener->on_tick(clock.now());
        run();
    }

    SimClock clock;
    FakeHandler handler;
    FakeHost host;
    boost::asio::io_context context;
    std::unique_ptr<Listener> listener;
};

/// A peer with a plain socket, or with TLS in it.
class Peer {
  public:
    explicit Peer(Bed& bed) : bed_(bed), socket_(context_) {
        socket_.connect({boost::asio::ip::make_address("127.0.0.1"), bed.listener->port()});
        socket_.set_option(tcp::no_delay(true));
        socket_.non_blocking(true);
        bed_.run();
    }

    /// The handshake of TLS as a client of `host`; false if it fails, and `why` tells.
    bool shake(TlsContext const& context, std::string const& host) {
        tls_ = TlsSession::connect(context, socket_.native_handle(), host);
        for (int turn = 0; turn < 1'000; ++turn) {
            auto const outcome = tls_->handshake().outcome;
            bed_.run();
            if (outcome == TlsStep::Outcome::done || outcome == TlsStep::Outcome::failed) {
                return outcome == TlsStep::Outcome::done;
            }
        }
        return false;
    }
    std::string const& why() const { return tls_->why(); }

    Peer& give(std::string const& bytes) {
        for (std::size_t given = 0; tls_ && given < bytes.size();) {
            auto const step = tls_->write(as_bytes(bytes).subspan(given));
            given += step.bytes;
            bed_.run();
            if (step.outcome == TlsStep::Outcome::failed) {
                return *this;
            }
        }
        boost::system::error_code error;
        if (!tls_) {
            boost::asio::write(socket_, boost::asio::buffer(bytes), error);
        }
        bed_.run();
        return *this;
    }
    /// Says something and is gone at once, with a reset, before the server looks.
    void break_off(std::string const& last_words) {
        boost::asio::write(socket_, boost::asio::buffer(last_words));
        socket_.set_option(boost::asio::socket_base::linger(true, 0));
        socket_.close();
    }
    /// Says something that the server does not look at yet.
    void leave_word(std::string const& bytes) {
        boost::asio::write(socket_, boost::asio::buffer(bytes));
    }
    /// What has come since the last call; `|` stands for the end.
    std::string taken() {
        bed_.run();
        std::string out;
        char part[4'096];
        boost::system::error_code error;
        while (!ended_) {
            auto const n = read_some(part, error);
            out.append(part, n);
            if (error == boost::asio::error::would_block) {
                break;
            }
            if (error) {
                ended_ = true;
                out += '|';
            }
        }
        return out;
    }
    /// All that comes until the end, of however much the server has still to write.
    std::string taken_to_the_end() {
        std::string out;
        for (int turn = 0; turn < 10'000 && !out.ends_with('|'); ++turn) {
            out += taken();
        }
        return out;
    }
    /// Takes so many bytes and leaves the rest.
    std::size_t crumb(std::size_t bytes) {
        std::string part(bytes, 0);
        boost::system::error_code error;
        return socket_.read_some(boost::asio::buffer(part), error);
    }
    /// `200 400|`
    std::string statuses() {
        auto const text = taken();
        std::string found;
        for (std::size_t at = 0; (at = text.find("HTTP/1.1 ", at)) != std::string::npos; ++at) {
            found += (found.empty() ? "" : " ") + text.substr(at + 9, 3);
        }
        return found + (text.ends_with('|') ? "|" : "");
    }
    /// The close code and the end: `1002|`.
    std::string close_code() {
        auto const text = taken();
        auto const at = text.find('\x88');
        if (at == std::string::npos || at + 4 > text.size()) {
            return text;
        }
        auto const u8 = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
        return std::to_string(u8(2) << 8 | u8(3)) + text.substr(at + 4);
    }

  private:
    std::size_t read_some(std::span<char> into, boost::system::error_code& error) {
        if (!tls_) {
            return socket_.read_some(boost::asio::buffer(into.data(), into.size()), error);
        }
        auto const step = tls_->read(std::as_writable_bytes(into));
        if (step.outcome == TlsStep::Outcome::wants_read) {
            error = boost::asio::error::would_block;
        } else if (step.outcome != TlsStep::Outcome::done) {
            error = boost::asio::error::eof;
        }
        return step.bytes;
    }

    Bed& bed_;
    boost::asio::io_context context_;
    tcp::socket socket_;
    std::unique_ptr<TlsSession> tls_;
    bool ended_ = false;
};

inline std::string get(std::string const& path, std::string const& fields = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

inline std::string upgrade(std::string const& fields = "") {
    return get("/v1/sync",
               "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
                   fields);
}

/// A peer behind the handshake of WebSocket.
struct SocketPeer : Peer {
    explicit SocketPeer(Bed& bed) : Peer(bed) {
        give(upgrade());
        BOOST_TEST_REQUIRE(statuses() == "101");
    }
};

}  // namespace capstan::test
