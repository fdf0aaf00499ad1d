#include <capstan/server/net/http_service.hpp>
#include <utility>

namespace capstan {
namespace {

class WebSocketProtocol final : public Protocol {
  public:
    WebSocketProtocol(NetServices& services, std::function<void()> wake, Instant now)
        : services_(services),
          peer_(services.web_socket_limits),
          session_(services.accept_session(std::move(wake), now)),
          heard_(now) {}
    ~WebSocketProtocol() override { on_gone(); }

    void receive(ByteView& bytes, Instant now) override {
        heard_ = now;
        pinged_ = false;
        while (wants_bytes()) {
            auto const input = peer_.receive(bytes, services_.scratch, now);
            if (peer_.take_pong_seen()) {
                session_->on_alive(now);
            }
            if (input.kind != WebSocketInput::message) {
                break;
            }
            ++services_.counters.messages_received;
            if (auto const done = session_->on_message(input.payload, now); !done) {
                close_code_ = code_of(done.error().code);
            }
        }
        if (peer_.is_closing()) {
            bytes = {};
        }
    }

    bool wants_bytes() const override { return session_->wants_read() && !peer_.is_closing(); }

    void gather(WriteBatch& batch, std::size_t bytes_max) override {
        while (auto control = peer_.next_control()) {
            batch.add(std::move(*control));
        }
        while (!peer_.is_closing() && batch.bytes() < bytes_max) {
            auto message = session_->next_write(bytes_max - batch.bytes());
            if (!message) {
                break;
            }
            ++services_.counters.messages_sent;
            batch.add(std::move(message));
        }
        if (session_->ending() == Ending::after_writes && !session_->wants_write()) {
            peer_.close(close_code_, {});
            if (auto control = peer_.next_control()) {
                batch.add(std::move(*control));
            }
        }
    }

    Outlook outlook() const override {
        if (ended_ || session_->ending() == Ending::at_once) {
            return Outlook::over;
        }
        return peer_.is_closing() ? Outlook::closing : Outlook::open;
    }

    void on_tick(Instant now) override {
        peer_.on_tick(now);
        if (now - heard_ > services_.ping_after && !std::exchange(pinged_, true)) {
            peer_.ping();
        }
    }

    void on_end() override { ended_ = true; }

    void on_gone() override {
        if (!std::exchange(gone_, true)) {
            auto const code = peer_.close_code();
            services_.counters.protocol_errors += code == WebSocketClose::protocol_error ? 1U : 0U;
            session_->on_close();
        }
    }

    std::string_view name() const override { return "websocket"; }

  private:
    static WebSocketClose code_of(Errc code) {
        switch (code) {
            case Errc::malformed:
            case Errc::protocol_violation:
            case Errc::version_unsupported:
                return WebSocketClose::protocol_error;
            case Errc::too_large:
                return WebSocketClose::too_big;
            case Errc::token_invalid:
            case Errc::denied:
                return WebSocketClose::policy;
            default:
                return WebSocketClose::try_later;
        }
    }

    NetServices& services_;
    WebSocketPeer peer_;
    std::shared_ptr<Session> session_;
    Instant heard_;
    WebSocketClose close_code_ = WebSocketClose::going_away;
    bool pinged_ = false;  // since it was heard last
    bool ended_ = false;
    bool gone_ = false;
};

}  // namespace

std::unique_ptr<Protocol> make_web_socket_protocol(NetServices& services,
                                                   std::function<void()> wake,
                                                   Instant now) {
    return std::make_unique<WebSocketProtocol>(services, std::move(wake), now);
}

}  // namespace capstan
