// Connections on loopback sockets, with time as the test says. Each step lets the server do all
// that it can, so nothing here waits.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>
#include <capstan/engine/sim/sim_clock.hpp>
#include <capstan/server/net/listener.hpp>
#include <deque>
#include <thread>

#include "web_socket_frames.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;
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
    bool wants_read() const override { return end == Ending::none; }
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
    int alive = 0;
    int closed = 0;
};

/// Gives out one session; nothing else of a host is used here.
class FakeHost final : public SessionHost {
  public:
    void attach(Partition&) override {}
    std::shared_ptr<Session> accept(std::function<void()> wake, Instant) override {
        wake_ = std::move(wake);
        session = std::make_shared<FakeSession>();
        return session;
    }
    void wake() { wake_(); }
    void on_tick(Instant) override {}
    void drain() override {}
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

/// A peer with a plain socket.
class Peer {
  public:
    explicit Peer(Bed& bed) : bed_(bed), socket_(context_) {
        socket_.connect({boost::asio::ip::make_address("127.0.0.1"), bed.listener->port()});
        socket_.set_option(tcp::no_delay(true));
        socket_.non_blocking(true);
        bed_.run();
    }

    Peer& give(std::string const& bytes) {
        boost::system::error_code error;
        boost::asio::write(socket_, boost::asio::buffer(bytes), error);
        bed_.run();
        return *this;
    }
    /// Says something and is gone at once, with a reset, before the server looks.
    void break_off(std::string const& last_words) {
        boost::asio::write(socket_, boost::asio::buffer(last_words));
        socket_.set_option(boost::asio::socket_base::linger(true, 0));
        socket_.close();
    }
    /// What has come since the last call; `|` stands for the end.
    std::string taken() {
        bed_.run();
        std::string out;
        char part[4'096];
        boost::system::error_code error;
        while (!ended_) {
            auto const n = socket_.read_some(boost::asio::buffer(part), error);
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
    Bed& bed_;
    boost::asio::io_context context_;
    tcp::socket socket_;
    bool ended_ = false;
};

std::string get(std::string const& path, std::string const& fields = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

std::string upgrade(std::string const& fields = "") {
    return get("/v1/sync",
               "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
                   fields);
}

/// A peer behind the handshake.
struct SocketPeer : Peer {
    explicit SocketPeer(Bed& bed) : Peer(bed) {
        give(upgrade());
        BOOST_TEST_REQUIRE(statuses() == "101");
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(listener)

BOOST_AUTO_TEST_CASE(requests_of_a_connection_are_answered_in_order) {
    Bed bed;
    Peer peer(bed);
    peer.give("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" + get("/x"));
    BOOST_TEST(peer.statuses() == "200 200");
    BOOST_TEST(bed.handler.seen == (std::vector<std::string>{"POST /echo", "GET /x"}),
               boost::test_tools::per_element());
    for (char const byte : get("/slowly")) {
        peer.give(std::string(1, byte));
    }
    BOOST_TEST(peer.statuses() == "200");
    peer.give(get("/last", "Connection: close\r\n"));
    BOOST_TEST(peer.statuses() == "200|");
}

BOOST_AUTO_TEST_CASE(F31_refused_request_is_answered_and_nothing_behind_it_is_read) {
    Bed bed;
    Peer peer(bed);
    peer.give(
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n"
        "\r\n0\r\n\r\n" +
        get("/smuggled"));
    BOOST_TEST(peer.statuses() == "400|");
    BOOST_TEST(bed.handler.seen.empty());
}

BOOST_AUTO_TEST_CASE(F33_head_without_an_end_is_refused_at_its_limit) {
    Bed bed;
    Peer peer(bed);
    peer.give("GET /" + std::string(20'000, 'x'));
    BOOST_TEST(peer.statuses() == "431|");
}

BOOST_AUTO_TEST_CASE(body_above_the_limit_is_refused_before_it_comes) {
    Bed bed;
    Peer peer(bed);
    peer.give("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
    BOOST_TEST(peer.statuses() == "413|");
}

BOOST_AUTO_TEST_CASE(F34_slow_header_ends_after_ten_seconds_in_all) {
    Bed bed;
    Peer peer(bed);
    for (int i = 0; i < 9; ++i) {
        peer.give("G");  // one byte a second does not buy time
        bed.pass(1s);
    }
    BOOST_TEST(peer.taken() == "");
    bed.pass(1100ms);
    BOOST_TEST(peer.taken().ends_with('|'));
    BOOST_TEST(bed.listener->counters().timed_out == 1U);
}

BOOST_AUTO_TEST_CASE(F34_slow_body_ends_below_a_kibibyte_a_second) {
    std::string const head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
    Bed bed;
    Peer slow(bed);
    slow.give(head + "x");
    bed.pass(5s);
    BOOST_TEST(slow.taken() == "");  // the grace
    bed.pass(2s);
    BOOST_TEST(slow.taken().ends_with('|'));
    Peer steady(bed);
    steady.give(head);
    for (int i = 0; i < 60; ++i) {
        steady.give(std::string(1'100, 'x'));
        bed.pass(1s);
    }
    BOOST_TEST(steady.taken() == "");
}

BOOST_AUTO_TEST_CASE(F34_who_says_nothing_is_closed_but_a_long_poll_is_not) {
    Bed bed;
    Peer silent(bed);
    Peer waiting(bed);
    waiting.give(get("/wait"));
    bed.pass(61s);
    BOOST_TEST(silent.taken() == "|");
    BOOST_TEST(waiting.taken() == "");
    bed.handler.waiting({.body = "{}"});
    BOOST_TEST(waiting.statuses() == "200");
}

BOOST_AUTO_TEST_CASE(F35_bytes_behind_an_upgrade_request_are_refused) {
    Bed bed;
    Peer peer(bed);
    peer.give(upgrade() + get("/smuggled"));
    BOOST_TEST(peer.statuses() == "400|");
    BOOST_TEST(bed.handler.seen.empty());
}

BOOST_AUTO_TEST_CASE(F41_foreign_origin_and_cookies_without_one_are_refused_before_the_upgrade) {
    struct Row {
        char const* fields;
        char const* statuses;
    };
    Row const rows[] = {
        {"Origin: https://evil.example\r\n", "403|"},
        {"Origin: https://evil.example\r\nCookie: s=1\r\n", "403|"},
        {"Origin: null\r\n", "403|"},
        {"Origin: https://a.evil.example\r\n", "403|"},
        {"Cookie: s=1\r\n", "403|"},
        {"Origin: https://a\r\n", "101"},
        {"Origin: http://a\r\n", "101"},
        {"Origin: https://app.example\r\n", "101"},
        {"", "101"},
    };
    ListenerOptions options;
    options.origins = {"https://app.example"};
    Bed bed(options);
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.fields) {
            Peer peer(bed);
            peer.give(upgrade(row.fields));
            BOOST_TEST(peer.statuses() == row.statuses);
        }
    }
}

BOOST_AUTO_TEST_CASE(messages_reach_the_session_and_its_own_go_out) {
    Bed bed;
    SocketPeer peer(bed);
    peer.give(frame(kBinary, "hello") + frame(kBinary, "a", false) + frame(kContinuation, "b"));
    auto const session = bed.host.session;
    BOOST_TEST(session->received == (std::vector<std::string>{"hello", "ab"}),
               boost::test_tools::per_element());
    session->queue = {"one", "in two+ pieces"};
    bed.host.wake();
    BOOST_TEST(peer.taken() == "\x82\x03one\x82\x0din two pieces");
}

BOOST_AUTO_TEST_CASE(F53_message_that_was_read_when_writing_fails_finds_no_session) {
    Bed bed;
    SocketPeer peer(bed);
    auto const session = bed.host.session;
    session->queue = {"to a peer that is gone"};
    peer.break_off(frame(kBinary, "one") + frame(kBinary, "two"));
    bed.run();
    BOOST_TEST(session->received == std::vector<std::string>{"one"},
               boost::test_tools::per_element());
    BOOST_TEST(session->closed == 1);
    BOOST_TEST(bed.listener->counters().open == 0U);
}

BOOST_AUTO_TEST_CASE(F37_forbidden_frames_close_with_1002) {
    struct Row {
        char const* name;
        std::string bytes;
    };
    Row const rows[] = {
        {"unmasked", "\x82\x01x"},
        {"opcode 3", frame(3, "")},
        {"ping of 126 bytes", frame(kPing, std::string(126, 'x'))},
        {"with more behind it", frame(3, "") + std::string(10'000, 'x')},
    };
    Bed bed;
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            SocketPeer peer(bed);
            peer.give(row.bytes);
            BOOST_TEST(peer.close_code() == "1002|");
            BOOST_TEST(bed.host.session->closed == 1);
        }
    }
}

BOOST_AUTO_TEST_CASE(F38_text_and_bad_close_frames_close_with_their_codes) {
    struct Row {
        char const* name;
        std::string bytes;
        char const* code;
    };
    Row const rows[] = {
        {"invalid text", frame(kText, "\xff"), "1007"},
        {"valid text", frame(kText, "h\xc3\xa9"), "1003"},
        {"close of one byte", frame(kClose, "\x03"), "1002"},
        {"close 1005", frame(kClose, "\x03\xed"), "1002"},
        {"reason no UTF-8", frame(kClose, "\x03\xe8\xff"), "1002"},
        {"close", frame(kClose, "\x03\xe8"), "1000"},
    };
    Bed bed;
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            SocketPeer peer(bed);
            peer.give(row.bytes);
            BOOST_TEST(peer.close_code().substr(0, 4) == row.code);
        }
    }
}

BOOST_AUTO_TEST_CASE(F39_messages_without_end_close_with_1009) {
    Bed bed;
    SocketPeer large(bed);
    large.give(frame(kBinary, std::string(1'048'577, 'x')).substr(0, 5'000));
    BOOST_TEST(large.close_code() == "1009|");
    SocketPeer fragments(bed);
    auto bytes = frame(kBinary, "x", false);
    for (int i = 0; i < 64; ++i) {
        bytes += frame(kContinuation, "x", false);
    }
    fragments.give(bytes);
    BOOST_TEST(fragments.close_code() == "1009|");
}

BOOST_AUTO_TEST_CASE(F40_ping_is_answered_once_a_flood_ends_and_a_quiet_peer_is_pinged) {
    Bed bed;
    SocketPeer peer(bed);
    peer.give(frame(kPing, "?"));
    BOOST_TEST(peer.taken() == "\x8a\x01?");
    BOOST_TEST(bed.host.session->alive == 1);
    bed.pass(25s);
    BOOST_TEST(peer.taken() == std::string("\x89\0", 2));
    peer.give(frame(kPong, ""));
    BOOST_TEST(bed.host.session->alive == 2);
    std::string flood;
    for (int i = 0; i < 30; ++i) {
        flood += frame(kPing, "");
    }
    SocketPeer rude(bed);
    rude.give(flood);
    auto const answer = rude.taken();
    BOOST_TEST(answer.ends_with('|'));
    BOOST_TEST(std::ranges::count(answer, '\x8a') <= 20);
}

BOOST_AUTO_TEST_CASE(session_that_ends_sends_what_is_left_then_its_code) {
    Bed bed;
    SocketPeer peer(bed);
    bed.host.session->queue = {"notice"};
    peer.give(frame(kBinary, ""));  // the fake session calls that malformed
    BOOST_TEST(peer.taken() == "\x82\x06notice\x88\x02\x03\xea");
    bed.pass(11s);  // the peer never says close
    BOOST_TEST(peer.taken() == "|");
    BOOST_TEST(bed.host.session->closed == 1);
}

BOOST_AUTO_TEST_CASE(F20_accepting_pauses_at_the_limit_and_goes_on_when_there_is_room) {
    ListenerOptions options;
    options.connections_max = 2;
    Bed bed(options);
    Peer first(bed);
    {
        Peer second(bed);
        Peer third(bed);
        third.give(get("/x"));
        BOOST_TEST(third.taken() == "");
        first.give(get("/x"));
        BOOST_TEST(first.statuses() == "200");
    }
    Peer fourth(bed);
    fourth.give(get("/x"));
    BOOST_TEST(fourth.statuses() == "200");
}

BOOST_AUTO_TEST_CASE(flow_goes_out_piece_by_piece_and_ends_with_its_connection) {
    Bed bed;
    Peer peer(bed);
    peer.give(get("/flow"));
    BOOST_TEST(peer.statuses() == "200");
    bed.handler.flow.lock()->say("hello");
    BOOST_TEST(peer.taken() == "5\r\nhello\r\n");
    bed.pass(10min);  // silence is the flow's own business
    BOOST_TEST(peer.taken() == "");
    peer.give(get("/x"));
    BOOST_TEST(peer.taken() == "");
    bed.handler.flow.lock()->say("end");
    BOOST_TEST(peer.taken() == "0\r\n\r\n|");
    BOOST_TEST(bed.handler.flow.expired());
    BOOST_TEST(bed.handler.seen.size() == 1U);
}

BOOST_AUTO_TEST_CASE(flow_before_http_1_1_ends_with_the_connection) {
    Bed bed;
    Peer peer(bed);
    peer.give("GET /flow HTTP/1.0\r\n\r\n");
    BOOST_TEST(peer.statuses() == "200");
    bed.handler.flow.lock()->say("hello");
    bed.handler.flow.lock()->say("end");
    BOOST_TEST(peer.taken() == "hello|");
}

BOOST_AUTO_TEST_CASE(F53_flow_is_dropped_with_its_peer) {
    Bed bed;
    {
        Peer peer(bed);
        peer.give(get("/flow"));
        BOOST_TEST(!bed.handler.flow.expired());
    }
    bed.run();
    BOOST_TEST(bed.handler.flow.expired());
    BOOST_TEST(bed.listener->counters().open == 0U);
}

BOOST_AUTO_TEST_CASE(F34_flow_of_a_peer_that_takes_nothing_holds_one_piece_and_ends) {
    Bed bed;
    Peer peer(bed);
    peer.give(get("/flow"));
    {
        auto const flow = bed.handler.flow.lock();
        for (int i = 0; i < 1'000; ++i) {
            flow->pieces.emplace_back(65'536, 'x');
        }
        flow->say("last");
        bed.run();
        BOOST_TEST(flow->asked < 300);  // what the kernel's buffers hold
    }
    bed.pass(11s);
    BOOST_TEST(bed.handler.flow.expired());
    BOOST_TEST(bed.listener->counters().timed_out == 1U);
}

BOOST_AUTO_TEST_CASE(F33_flood_behind_a_flow_ends_it) {
    Bed bed;
    Peer peer(bed);
    peer.give(get("/flow"));
    peer.give(std::string(40'000, 'x'));
    BOOST_TEST(peer.taken().ends_with('|'));
    BOOST_TEST(bed.handler.flow.expired());
}

BOOST_AUTO_TEST_CASE(F34_reader_that_takes_a_crumb_now_and_then_ends) {
    Bed bed;
    Peer peer(bed);
    peer.give(get("/large"));
    for (int i = 0; i < 3; ++i) {
        bed.pass(9s);
        BOOST_TEST(peer.crumb(512) == 512U);
    }
    BOOST_TEST(bed.listener->counters().timed_out == 1U);
}

BOOST_AUTO_TEST_CASE(F39_message_that_is_not_finished_ends_after_half_a_minute) {
    Bed bed;
    SocketPeer dripping(bed);
    SocketPeer fine(bed);
    dripping.give(frame(kBinary, "a", false));
    for (int i = 0; i < 30; ++i) {
        dripping.give(frame(kPing, ""));  // does not buy time
        fine.give(frame(kBinary, "a"));
        bed.pass(1s);
    }
    BOOST_TEST(dripping.taken().find('\x88') == std::string::npos);
    bed.pass(1s);
    auto const end = dripping.taken();
    BOOST_TEST(end.find("\x88\x02\x03\xf1") != std::string::npos);
    BOOST_TEST(fine.taken().find('\x88') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(F64_crowd_is_let_in_at_a_rate_and_nobody_is_lost) {
    ListenerOptions options;
    options.accepts_per_second = 10;
    Bed bed(options);
    std::deque<Peer> crowd;
    for (int i = 0; i < 25; ++i) {
        crowd.emplace_back(bed).give(get("/x"));
    }
    BOOST_TEST(bed.listener->counters().accepted == 10U);
    bed.pass(1s);
    BOOST_TEST(bed.listener->counters().accepted == 20U);
    bed.pass(1s);
    for (auto& peer : crowd) {
        BOOST_TEST(peer.statuses() == "200");
    }
}

BOOST_AUTO_TEST_SUITE_END()
