#include <algorithm>
#include <capstan/server/net/http_reader.hpp>
#include <capstan/server/net/http_service.hpp>
#include <ctime>
#include <utility>

namespace capstan {
namespace {

/// `Sun, 06 Nov 1994 08:49:37 GMT`
std::string http_date(WallTime time) {
    std::time_t const seconds = time.micros / 1'000'000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[64];
    auto const length = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return std::string(text, length);
}

class HttpProtocol;

/// One request on its way to an answer. Outlives the protocol if the handler holds on to it.
class Exchange final : public HttpReply, public std::enable_shared_from_this<Exchange> {
  public:
    Exchange(HttpProtocol& protocol, bool keep_alive, bool head_only)
        : protocol_(&protocol), framing_{keep_alive, false, head_only} {}

    void send(HttpResponse response) override;
    void stream(HttpResponse head, Pull pull) override;
    void resume() override;
    void on_gone(std::function<void()> gone) override { gone_ = std::move(gone); }

    /// Text to write next; empty when there is none yet.
    std::string pull();
    bool is_done() const { return done_; }
    bool keep_alive() const { return framing_.keep_alive; }
    /// The peer sends no more, or the connection is gone.
    void abandon() {
        if (auto const gone = std::exchange(gone_, {}); gone && !done_) {
            gone();
        }
    }
    void detach() {
        protocol_ = nullptr;
        if (auto const gone = std::exchange(gone_, {}); gone && !done_) {
            gone();
        }
        pull_ = {};
    }

  private:
    HttpProtocol* protocol_;
    HttpFraming framing_;
    std::string ready_;
    Pull pull_;
    std::function<void()> gone_;
    bool answered_ = false;
    bool done_ = false;  // all of the answer was pulled
};

class HttpProtocol final : public Protocol {
  public:
    HttpProtocol(NetServices& services, std::function<void()> wake, Instant now)
        : services_(services),
          wake_(std::move(wake)),
          reader_(services.http_limits),
          phase_began_(now),
          first_(true) {}
    ~HttpProtocol() override { on_gone(); }

    void receive(ByteView& bytes, Instant now) override;
    bool wants_bytes() const override { return !exchange_ && !closing_ && !successor_; }
    void gather(WriteBatch& batch, std::size_t bytes_max) override;
    Outlook outlook() const override;
    void on_tick(Instant now) override;
    void on_end() override;
    void on_gone() override;
    std::unique_ptr<Protocol> successor() override;
    std::string_view name() const override { return "http"; }

    void wake() { wake_(); }
    WallTime wall() const { return services_.clock.wall(); }

  private:
    void on_request(Instant now);
    void upgrade(HttpRequest const& request, Instant now);
    void refuse(HttpRefusal const& refusal);
    void answer_and_close(HttpResponse response);
    void time_out(bool answer);

    NetServices& services_;
    std::function<void()> wake_;
    HttpReader reader_;
    Instant phase_began_;  // the head, the body or the wait for a request
    bool first_;           // no byte has come yet: the header's time runs from the accept
    bool in_body_ = false;
    bool closing_ = false;
    bool ended_ = false;
    std::string out_;  // before the exchange's own text
    std::shared_ptr<Exchange> exchange_;
    std::unique_ptr<Protocol> successor_;
};

void Exchange::send(HttpResponse response) {
    CAPSTAN_INVARIANT(!answered_);
    answered_ = true;
    if (protocol_ == nullptr) {
        return;
    }
    response.fields.push_back({"Date", http_date(protocol_->wall())});
    ready_ = encode_response(response, framing_);
    protocol_->wake();
}

void Exchange::stream(HttpResponse head, Pull pull) {
    CAPSTAN_INVARIANT(!answered_);
    answered_ = true;
    if (protocol_ == nullptr) {
        return;
    }
    head.fields.push_back({"Date", http_date(protocol_->wall())});
    framing_.chunked = true;
    ready_ = encode_response(head, framing_);
    pull_ = framing_.head_only ? Pull{} : std::move(pull);
    protocol_->wake();
}

void Exchange::resume() {
    if (protocol_ != nullptr && pull_) {
        protocol_->wake();
    }
}

std::string Exchange::pull() {
    auto text = std::exchange(ready_, {});
    if (!answered_ || !text.empty()) {
        done_ = answered_ && !pull_;
        return text;
    }
    if (pull_) {
        auto const piece = pull_();
        done_ = !piece.has_value();
        text = done_ ? std::string(kLastChunk) : piece->empty() ? "" : encode_chunk(*piece);
    }
    return text;
}

void HttpProtocol::receive(ByteView& bytes, Instant now) {
    while (wants_bytes() && !bytes.empty()) {
        if (reader_.idle()) {
            phase_began_ = first_ ? phase_began_ : now;
            first_ = false;
        }
        bytes = bytes.subspan(reader_.feed(as_text(bytes)));
        if (reader_.wants_continue()) {
            out_ += "HTTP/1.1 100 Continue\r\n\r\n";
        }
        bool const in_body = reader_.state() == HttpReader::State::body;
        if (in_body && !std::exchange(in_body_, true)) {
            phase_began_ = now;
        }
        if (reader_.state() == HttpReader::State::refused) {
            refuse(reader_.refusal());
        } else if (reader_.state() == HttpReader::State::complete) {
            in_body_ = false;
            on_request(now);
        }
    }
    if (closing_) {
        bytes = {};
    }
}

void HttpProtocol::on_request(Instant now) {
    bool const is_upgrade = reader_.is_upgrade();
    auto request = reader_.take();
    phase_began_ = now;
    if (is_upgrade && request.path == kSyncPath && services_.accept_session) {
        upgrade(request, now);
        return;
    }
    exchange_ =
        std::make_shared<Exchange>(*this, request.keep_alive && !ended_, request.method == "HEAD");
    services_.handler.handle(std::move(request), exchange_);
}

void HttpProtocol::upgrade(HttpRequest const& request, Instant now) {
    if (auto const refusal = refuse_upgrade(request, services_.origins)) {
        ++services_.counters.upgrades_refused;
        auto response = problem_response(
            refusal->status,
            Error{refusal->status == 403 ? Errc::denied : Errc::http_refused, refusal->detail});
        if (refusal->status == 426) {
            response.fields.push_back({"Sec-WebSocket-Version", "13"});
        }
        answer_and_close(std::move(response));
        return;
    }
    HttpResponse response{101, {}, {}};
    response.fields = {
        {"Upgrade", "websocket"},
        {"Connection", "Upgrade"},
        {"Sec-WebSocket-Accept", *web_socket_accept(*request.field("sec-websocket-key"))}};
    out_ += encode_response(response, HttpFraming{});
    successor_ = make_web_socket_protocol(services_, wake_, now);
}

void HttpProtocol::refuse(HttpRefusal const& refusal) {
    ++services_.counters.requests_refused;
    answer_and_close(problem_response(refusal.status, Error{Errc::http_refused, refusal.detail}));
}

void HttpProtocol::answer_and_close(HttpResponse response) {
    response.fields.push_back({"Date", http_date(wall())});
    out_ += encode_response(response, HttpFraming{.keep_alive = false});
    closing_ = true;
}

void HttpProtocol::gather(WriteBatch& batch, std::size_t bytes_max) {
    if (!out_.empty()) {
        batch.add(std::exchange(out_, {}));
    }
    while (exchange_ && batch.bytes() < bytes_max) {
        auto text = exchange_->pull();
        if (exchange_->is_done()) {
            closing_ = closing_ || !exchange_->keep_alive();
            exchange_->detach();
            exchange_.reset();
        } else if (text.empty()) {
            break;
        }
        batch.add(std::move(text));
    }
}

Outlook HttpProtocol::outlook() const {
    bool const finished = closing_ || (ended_ && !exchange_);
    return finished ? Outlook::closing : Outlook::open;
}

void HttpProtocol::on_tick(Instant now) {
    if (exchange_ || closing_ || successor_) {
        return;
    }
    auto const waited = now - phase_began_;
    auto const& times = services_.http_times;
    if (in_body_) {
        auto const seconds = std::chrono::duration_cast<std::chrono::milliseconds>(waited).count();
        auto const least =
            times.body_bytes_per_second_min * static_cast<std::uint64_t>(seconds) / 1'000;
        if (waited > times.body_grace && reader_.body_bytes() < least) {
            time_out(true);
        }
    } else if (waited > (reader_.idle() && !first_ ? times.idle : times.header)) {
        time_out(!reader_.idle());
    }
}

void HttpProtocol::time_out(bool answer) {
    ++services_.counters.timeouts;
    if (answer) {
        answer_and_close(
            problem_response(408, Error{Errc::timed_out, "the request came too slowly"}));
    }
    closing_ = true;
}

void HttpProtocol::on_end() {
    ended_ = true;
    if (exchange_) {
        exchange_->abandon();
    }
}

void HttpProtocol::on_gone() {
    if (auto const exchange = std::exchange(exchange_, nullptr)) {
        exchange->detach();
    }
    if (successor_) {
        successor_->on_gone();
    }
}

std::unique_ptr<Protocol> HttpProtocol::successor() {
    return out_.empty() ? std::move(successor_) : nullptr;
}

}  // namespace

std::unique_ptr<Protocol> make_http_protocol(NetServices& services,
                                             std::function<void()> wake,
                                             Instant now) {
    return std::make_unique<HttpProtocol>(services, std::move(wake), now);
}

std::optional<HttpRefusal> refuse_upgrade(HttpRequest const& request,
                                          std::vector<std::string> const& origins) {
    auto const is = [&](std::string_view name, std::string_view value) {
        return request.field(name) && has_list_word(*request.field(name), value);
    };
    if (request.method != "GET" || !is("upgrade", "websocket")) {
        return HttpRefusal{400, "only GET upgrades, and only to websocket"};
    }
    if (request.field("sec-websocket-version") != "13") {
        return HttpRefusal{426, "Sec-WebSocket-Version 13 is spoken here"};
    }
    auto const key = request.field("sec-websocket-key");
    if (!key || !web_socket_accept(*key)) {
        return HttpRefusal{400, "Sec-WebSocket-Key is not 16 bytes in base64"};
    }
    auto const origin = request.field("origin");
    if (!origin) {
        return request.field("cookie")
                   ? std::optional(HttpRefusal{403, "cookies without an origin"})
                   : std::nullopt;
    }
    auto const host = std::string(request.field("host").value_or(""));
    bool const own = *origin == "http://" + host || *origin == "https://" + host;
    if (!own && std::ranges::find(origins, *origin) == origins.end()) {
        return HttpRefusal{403, "this origin may not connect"};
    }
    return std::nullopt;
}

}  // namespace capstan
