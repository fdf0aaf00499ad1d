#include <array>
#include <capstan/schema/event.hpp>
#include <optional>
#include <string>
#include <utility>

#include "connections.hpp"

namespace capstan {
namespace {

using Outcome = TlsStep::Outcome;

constexpr std::size_t kWriteBytes = 524'288;
/// In one turn: others have theirs.
constexpr int kWritesInTurn = 4;
constexpr int kRecordsInTurn = 16;
constexpr auto kPartingTime = std::chrono::seconds(1);

constexpr unsigned kFinal = 0x80;
constexpr unsigned kBinary = 2;
constexpr unsigned kClose = 8;
constexpr unsigned kPing = 9;
constexpr unsigned kPong = 10;

/// The head of an unmasked frame, and for a control frame its payload, too.
class FrameHead {
  public:
    FrameHead() = default;
    FrameHead(unsigned opcode, std::size_t length) {
        put(kFinal | opcode);
        if (length < 126) {
            put(length);
        } else {
            std::size_t const digits = length <= 0xffff ? 2 : 8;
            put(digits == 2 ? 126 : 127);
            for (auto i = digits; i-- > 0;) {
                put(length >> (8 * i) & 0xff);
            }
        }
    }
    static FrameHead control(unsigned opcode, ByteView payload) {
        FrameHead head(opcode, payload.size());
        std::ranges::copy(payload, head.bytes_.begin() + static_cast<std::ptrdiff_t>(head.size_));
        head.size_ += payload.size();
        return head;
    }
    static FrameHead close(CloseCode code) {
        auto const value = static_cast<std::uint16_t>(code);
        std::array const payload{std::byte(value >> 8), std::byte(value & 0xff)};
        return control(kClose, payload);
    }
    ByteView bytes() const { return ByteView(bytes_).first(size_); }

  private:
    void put(std::size_t byte) { bytes_[size_++] = static_cast<std::byte>(byte); }

    std::array<std::byte, 2 + 125> bytes_{};
    std::size_t size_ = 0;
};

/// What a peer that says close is answered: its own code, if it may say that one.
CloseCode answer_to_close(ByteView payload) {
    if (payload.empty()) {
        return CloseCode::normal;
    }
    if (payload.size() < 2) {
        return CloseCode::protocol_error;
    }
    auto const code =
        std::to_integer<unsigned>(payload[0]) << 8 | std::to_integer<unsigned>(payload[1]);
    bool const is_known = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                          (code >= 3000 && code <= 4999);
    bool const is_fine = is_known && is_utf8(as_text(payload.subspan(2)));
    return is_fine ? static_cast<CloseCode>(code) : CloseCode::protocol_error;
}

CloseCode code_of(Errc code) {
    switch (code) {
        case Errc::malformed:
        case Errc::protocol_violation:
        case Errc::version_unsupported:
            return CloseCode::protocol_error;
        case Errc::too_large:
            return CloseCode::too_large;
        case Errc::token_invalid:
        case Errc::denied:
            return CloseCode::policy_error;
        default:
            return CloseCode::try_again_later;
    }
}

/// Carries the messages of one session.
///
///   open --the session ends, a text, a late message--> closing --the peer's close, a while--> gone
///   open --close from the peer, a violation--> closing --our close is written--> parting
///   parting --the peer's end, a moment--> gone
///
/// Closing: our close is written or about to be, behind the frame under way; the peer is heard
/// until its own comes or something forbidden. Parting: nothing more is said and what comes is
/// dropped, so that the peer can read what was said last.
class WebSocketConnection final : public Connection, public SocketUser {
  public:
    WebSocketConnection(std::shared_ptr<ConnectionHub> hub, std::unique_ptr<PeerSocket> socket)
        : Connection(std::move(hub)), socket_(std::move(socket)), frames_(hub_.options.frames) {}
    ~WebSocketConnection() override { end_session(); }

    void start() {
        ++hub_.counters.websockets;
        itself_ = self();
        if (!hub_.poll.add(socket_->descriptor(), *this, wanted_)) {
            leave();
            return;
        }
        ping_at_ = now().plus(hub_.options.ping_every);
        session_ = hub_.sessions->accept(
            [weak = std::weak_ptr(self())] {
                if (auto const alive = weak.lock(); alive && alive->phase_ == Phase::open) {
                    alive->go_on();
                }
            },
            now());
        go_on();
    }

    void on_ready(Readiness ready) override {
        auto const alive = self();
        if (ready.read) {
            read();
        } else if (ready.gone) {
            leave();
        }
        go_on();
    }

    void on_tick(Instant now) override {
        auto const alive = self();
        if (phase_ != Phase::open) {
            if (now > end_by_) {
                count_late();
                leave();
            }
            return;
        }
        if (wanted_.read && frames_.is_late(now)) {
            count_late();
            close(CloseCode::too_large);
        } else if (now > ping_at_) {
            ping_at_ = now.plus(hub_.options.ping_every);
            ping_is_due_ = true;
        }
        go_on();
    }

    void abort() override { leave(); }

  private:
    enum class Phase : std::uint8_t { open, closing, parting, gone };

    std::shared_ptr<WebSocketConnection> self() {
        return std::static_pointer_cast<WebSocketConnection>(shared_from_this());
    }

    bool may_take() const { return phase_ != Phase::open || session_->wants_read(); }
    bool is_writing() const { return !head_.bytes().empty(); }

    /// Does what can be done now, and waits for what can't.
    void go_on() {
        if (phase_ == Phase::open && session_->ending() == Ending::at_once) {
            leave();
        }
        bool has_more = phase_ != Phase::gone && write();
        while (phase_ != Phase::gone && !rest_.empty() && may_take()) {
            take(std::exchange(rest_, {}));
            has_more = phase_ != Phase::gone && write();
        }
        if (phase_ == Phase::gone) {
            return;
        }
        Readiness const wanted{.read = rest_.empty() && may_take(), .write = has_more};
        if (wanted != wanted_) {
            if (wanted.read && !wanted_.read) {
                frames_.go_on(now());
            }
            wanted_ = wanted;
            hub_.poll.change(socket_->descriptor(), *this, wanted_);
        }
    }

    void read() {
        auto const input = hub_.poll.input();
        for (int i = 0; i < kRecordsInTurn && phase_ != Phase::gone; ++i) {
            auto const step = socket_->read(input);
            if (step.outcome == Outcome::closed || step.outcome == Outcome::failed) {
                leave();
                return;
            }
            take(ByteView(input).first(step.bytes));
            if (step.bytes == 0 || !socket_->is_secure() || !rest_.empty() || heard_last_) {
                return;
            }
        }
    }

    /// Hands on what is whole, until the session wants no more for now.
    void take(ByteView input) {
        while ((phase_ == Phase::open || phase_ == Phase::closing) && !heard_last_) {
            if (!may_take()) {
                frames_.forget();
                rest_.assign(input.begin(), input.end());
                return;
            }
            auto const heard = frames_.next(input, now());
            if (heard.kind == Heard::Kind::nothing) {
                return;
            }
            on_heard(heard);
        }
    }

    void on_heard(Heard const& heard) {
        switch (heard.kind) {
            case Heard::Kind::violation:
                ++hub_.counters.refused_frames;
                on_last(heard.code);
                return;
            case Heard::Kind::close:
                on_last(answer_to_close(heard.payload));
                return;
            default:
                break;
        }
        if (phase_ != Phase::open) {
            return;
        }
        ping_at_ = now().plus(hub_.options.ping_every);
        switch (heard.kind) {
            case Heard::Kind::binary:
                on_message(heard.payload);
                break;
            case Heard::Kind::text:
                close(is_utf8(as_text(heard.payload)) ? CloseCode::unknown_data
                                                      : CloseCode::bad_payload);
                break;
            case Heard::Kind::ping:
                pong_ = FrameHead::control(kPong, heard.payload);
                [[fallthrough]];
            default:
                session_->on_alive(now());
        }
    }

    /// Nothing that the peer says behind this is heard. Our close follows what is under way, for
    /// the peer still reads; if it has been written, there is nothing left to say.
    void on_last(CloseCode code) {
        if (phase_ == Phase::closing && !close_is_due_ && !is_writing()) {
            leave();
            return;
        }
        if (phase_ == Phase::open) {
            close(code);
        }
        heard_last_ = true;
        end_session();
    }

    void on_message(ByteView message) {
        if (auto const done = session_->on_message(message, now()); !done) {
            // The session has said why to the peer, and is ending.
            close_code_ = code_of(done.error().code);
        }
    }

    /// True if there is more than the socket takes now, or than one turn allows.
    bool write() {
        for (int i = 0; i < kWritesInTurn; ++i) {
            if (!is_writing() && !take_next()) {
                return false;
            }
            if (!write_some()) {
                return phase_ != Phase::gone;
            }
        }
        return true;
    }

    /// One frame at a time: control frames first, then the session's messages, then our close.
    bool take_next() {
        if (phase_ != Phase::open && phase_ != Phase::closing) {
            return false;
        }
        if (pong_) {
            head_ = *std::exchange(pong_, std::nullopt);
        } else if (std::exchange(ping_is_due_, false)) {
            head_ = FrameHead::control(kPing, {});
        } else if (phase_ == Phase::open && (output_ = session_->next_write(kWriteBytes))) {
            head_ = FrameHead(kBinary, output_.bytes());
        } else if (phase_ == Phase::open && session_->ending() == Ending::after_writes) {
            close(close_code_);
        }
        if (!is_writing() && std::exchange(close_is_due_, false)) {
            head_ = FrameHead::close(close_code_);
        }
        if (!is_writing() && heard_last_) {
            part();
        }
        return is_writing();
    }

    /// False if the socket takes no more.
    bool write_some() {
        auto const step = socket_->write(unwritten().pieces());
        if (step.outcome == Outcome::closed || step.outcome == Outcome::failed) {
            leave();
            return false;
        }
        written_ += step.bytes;
        if (written_ == head_.bytes().size() + output_.bytes()) {
            head_ = {};
            output_ = {};
            written_ = 0;
            return true;
        }
        return step.outcome == Outcome::done;
    }

    /// What is left of the frame under way.
    struct Unwritten {
        std::array<ByteView, 3> all;
        std::size_t count = 0;
        std::span<ByteView const> pieces() const { return std::span(all).first(count); }
    };
    Unwritten unwritten() const {
        Unwritten left;
        auto skipped = written_;
        auto const add = [&](ByteView piece) {
            auto const skip = std::min(skipped, piece.size());
            skipped -= skip;
            if (skip < piece.size()) {
                left.all[left.count++] = piece.subspan(skip);
            }
        };
        add(head_.bytes());
        add(output_.first ? ByteView(*output_.first) : ByteView());
        add(output_.second ? ByteView(*output_.second) : ByteView());
        return left;
    }

    /// Our close is said behind what is under way; the session has nothing more to say.
    void close(CloseCode code) {
        phase_ = Phase::closing;
        close_code_ = code;
        close_is_due_ = true;
        end_by_ = now().plus(hub_.options.write_max);
    }

    /// Both sides have said all.
    void part() {
        socket_->shutdown_send();
        phase_ = Phase::parting;
        end_by_ = now().plus(kPartingTime);
    }

    void leave() {
        if (std::exchange(phase_, Phase::gone) != Phase::gone) {
            end_session();
            hub_.poll.remove(socket_->descriptor(), *this);
            socket_->close();
            itself_.reset();
        }
    }

    /// Once; a peer that has said its last is not late.
    void count_late() {
        if (phase_ != Phase::parting && !std::exchange(is_counted_late_, true)) {
            ++hub_.counters.timed_out;
        }
    }

    void end_session() {
        if (auto const session = std::exchange(session_, nullptr)) {
            session->on_close();
        }
    }

    std::unique_ptr<PeerSocket> socket_;
    FrameReader frames_;
    std::shared_ptr<Session> session_;    // while open, and closing until the peer's last is heard
    std::shared_ptr<Connection> itself_;  // until it is gone
    Phase phase_ = Phase::open;
    Readiness wanted_{.read = true};
    bool heard_last_ = false;  // a close or a violation; once it is not open
    bool is_counted_late_ = false;
    Bytes rest_;  // read, but the session wanted no more
    // The frame that is being written: its head, and of a message its payload.
    FrameHead head_;
    Payload output_;
    std::size_t written_ = 0;
    // What is to be said next.
    std::optional<FrameHead> pong_;
    bool ping_is_due_ = false;
    bool close_is_due_ = false;
    CloseCode close_code_ = CloseCode::going_away;
    Instant ping_at_;
    Instant end_by_;  // once it is not open
};

}  // namespace

void start_websocket(std::shared_ptr<ConnectionHub> hub, std::unique_ptr<PeerSocket> socket) {
    std::make_shared<WebSocketConnection>(std::move(hub), std::move(socket))->start();
}

}  // namespace capstan
