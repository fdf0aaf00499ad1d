#pragma once
#include <capstan/engine/sim/sim_clock.hpp>
#include <capstan/server/net/http_service.hpp>
#include <deque>
#include <map>

/// A protocol without sockets: bytes in by `give`, bytes out by `taken`.
namespace capstan::test {

/// Answers /echo with the body, keeps the reply of /wait, streams what it is given on /stream.
class FakeHandler final : public HttpHandler {
  public:
    void handle(HttpRequest request, std::shared_ptr<HttpReply> reply) override {
        seen.push_back(request.method + " " + request.path);
        if (request.path == "/wait") {
            reply->on_gone([this] { ++gone; });
            waiting = std::move(reply);
        } else if (request.path == "/stream") {
            reply->on_gone([this] { ++gone; });
            waiting = reply;
            reply->stream({200, {}, {}}, [this]() -> std::optional<std::string> {
                if (pieces.empty()) {
                    return "";
                }
                auto piece = std::move(pieces.front());
                pieces.pop_front();
                return piece;
            });
        } else {
            reply->send({200, {}, request.body});
        }
    }

    std::vector<std::string> seen;
    std::shared_ptr<HttpReply> waiting;
    std::deque<std::optional<std::string>> pieces;
    int gone = 0;
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
    bool wants_read() const override { return reads && end == Ending::none; }
    bool wants_write() const override { return !queue.empty(); }
    std::shared_ptr<Bytes const> next_write(std::size_t) override {
        if (queue.empty()) {
            return nullptr;
        }
        auto const bytes = as_bytes(queue.front());
        auto message = std::make_shared<Bytes const>(bytes.begin(), bytes.end());
        queue.pop_front();
        return message;
    }
    Ending ending() const override { return end; }
    void on_close() override { ++closed; }

    std::vector<std::string> received;
    std::deque<std::string> queue;
    bool reads = true;
    Ending end = Ending::none;
    int alive = 0;
    int closed = 0;
};

struct NetBed {
    NetBed() {
        services.accept_session = [this](std::function<void()>, Instant) { return session; };
        protocol = make_http_protocol(
            services, [this] { ++wakes; }, clock.now());
    }

    /// What the protocol left stays in `left` and comes first the next time.
    void give(std::string const& bytes) {
        left += bytes;
        auto view = as_bytes(left);
        while (protocol->wants_bytes() && !view.empty()) {
            protocol->receive(view, clock.now());
            gather();
        }
        left = std::string(as_text(view));
    }
    std::string taken() {
        gather();
        return std::exchange(out, {});
    }
    /// The status lines among what was written.
    std::string statuses() {
        auto const text = taken();
        std::string found;
        for (std::size_t at = 0; (at = text.find("HTTP/1.1 ", at)) != std::string::npos; ++at) {
            found += (found.empty() ? "" : " ") + text.substr(at + 9, 3);
        }
        return found;
    }
    void pass(Duration time) {
        clock.advance(time);
        protocol->on_tick(clock.now());
    }

    SimClock clock;
    FakeHandler handler;
    std::shared_ptr<FakeSession> session = std::make_shared<FakeSession>();
    NetServices services{handler, clock, {}, {}, {}, std::chrono::seconds(25), {}, {}};
    std::unique_ptr<Protocol> protocol;
    std::string left;
    std::string out;
    int wakes = 0;

  private:
    void gather() {
        WriteBatch batch;
        protocol->gather(batch, 65'536);
        for (auto const& piece : batch.take()) {
            out += piece.text;
            out += as_text(ByteView(piece.header).first(piece.header_bytes));
            out += piece.payload ? as_text(*piece.payload) : "";
        }
        if (auto next = protocol->successor()) {
            protocol = std::move(next);
        }
    }
};

}  // namespace capstan::test
