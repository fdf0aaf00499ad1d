#include "device_session.hpp"

#include "host.hpp"

namespace capstan {

DeviceSession::DeviceSession(Host& host,
                             std::function<void()> wake,
                             std::uint64_t number,
                             Instant now)
    : host_(host),
      wake_(std::move(wake)),
      number_(number),
      submitter_(host.submitters().add(*this)),
      opened_(now),
      heard_(now),
      moving_(now),
      pace_(host.options().page_bytes_first, host.options().page_bytes) {}

DeviceSession::~DeviceSession() {
    on_close();
}

Result<> DeviceSession::on_message(ByteView payload, Instant now) {
    if (ending_ != Ending::none || closed_) {
        return success();  // what was under way when the session ended
    }
    heard_ = now;
    host_.heard();
    return may_take(payload) ? take(payload, now) : success();
}

/// What a device says first waits until this node has folded all that the device may have seen on
/// another one: it would else be told of a history that lacks its end.
bool DeviceSession::may_take(ByteView payload) {
    if (phase_ == Phase::silent) {
        phase_ = Phase::waiting;
        if (auto* const partition = host_.partition()) {
            partition->catch_up([weak = weak_from_this()](Result<> const& caught_up) {
                if (auto const session = weak.lock()) {
                    session->on_caught_up(caught_up);
                }
            });
        } else {
            on_caught_up(success());  // Hello is answered that the server is starting
        }
    }
    if (phase_ == Phase::waiting && ending_ == Ending::none) {
        hold_back(payload);
    }
    return phase_ != Phase::waiting && ending_ == Ending::none;
}

/// The connection is read on, or nobody would notice that the peer has gone.
void DeviceSession::hold_back(ByteView payload) {
    held_back_bytes_ += payload.size();
    if (held_back_bytes_ > host_.options().queued_bytes_soft) {
        end({Errc::behind, "this node has to catch up first"});
    } else {
        held_back_.emplace_back(payload.begin(), payload.end());
    }
}

void DeviceSession::on_caught_up(Result<> const& caught_up) {
    if (ending_ != Ending::none || closed_) {
        return;
    }
    if (!caught_up) {
        end({Errc::behind, caught_up.error().detail});
        return;
    }
    phase_ = Phase::greeting;
    for (auto const& payload : std::exchange(held_back_, {})) {
        if (ending_ == Ending::none && take(payload, host_.seams().clock.now())) {
            host_.wake_soon(*this);  // to read on
        }
    }
}

Result<> DeviceSession::take(ByteView payload, Instant now) {
    auto taken = take_messages(payload, now);
    flush_answers();
    if (!taken) {
        end(taken.error());
        return taken;
    }
    check_queue();
    wake_if_resting();
    return success();
}

Result<> DeviceSession::take_messages(ByteView payload, Instant now) {
    if (payload.empty()) {
        return Error{Errc::malformed, "a payload without a message"};
    }
    MessageReader reader(payload);
    for (;;) {
        CAPSTAN_TRY(auto const message, reader.next());
        if (!message) {
            return success();
        }
        CAPSTAN_TRY(handle(*message, now));
    }
}

bool DeviceSession::is_entitled() const {
    return principal_text_.empty() || host_.seams().authenticator.still_stands(principal_);
}

void DeviceSession::end(Error const& why, Ending ending) {
    if (ending_ == Ending::none) {
        let_go();
        notice(why, {}, true);
    }
    ending_ = std::max(ending_, ending);
    host_.wake_soon(*this);
}

/// Nothing reaches the session any more.
void DeviceSession::let_go() {
    flush_answers();
    host_.forget(*this);
    host_.submitters().remove(submitter_);
    held_back_.clear();
    requests_.clear();
    needs_.clear();
    chunks_.clear();
    waiting_.clear();
    while (!subscriptions_.empty()) {
        leave(subscriptions_.begin());
    }
}

void DeviceSession::on_close() {
    if (closed_) {
        return;
    }
    closed_ = true;
    if (ending_ == Ending::none) {
        ending_ = Ending::at_once;
        let_go();
    }
    out_.clear();
    host_.closed(*this);
}

void DeviceSession::on_tick(Instant now) {
    auto const& options = host_.options();
    if (takes_ != takes_at_tick_ || !wants_write()) {
        takes_at_tick_ = takes_;
        moving_ = now;
    }
    if (now - moving_ > options.stall_max) {
        host_.count().sessions_stalled += 1;
        end({Errc::slow_consumer, "took nothing for too long"}, Ending::at_once);
    } else if (now - heard_ > options.silence_max) {
        end({Errc::timed_out, "heard nothing for too long"}, Ending::at_once);
    } else if (phase_ != Phase::live && now - opened_ > options.greeting_max) {
        phase_ == Phase::waiting ? end({Errc::behind, "this node takes too long to catch up"})
                                 : end({Errc::timed_out, "no Hello"});
    }
}

bool DeviceSession::wants_read() const {
    auto const& options = host_.options();
    return ending_ == Ending::none && requests_.empty() &&
           out_.bytes() < options.queued_bytes_soft && in_flight_.size() < options.in_flight_max;
}

bool DeviceSession::wants_write() const {
    bool const events_left = !needs_.empty() || (!lagging_.empty() && !loading_);
    return !out_.empty() || !requests_.empty() || !appeared_.empty() ||
           ((events_left || has_chunk()) && credit_ > 0);
}

void DeviceSession::wake_if_resting() {
    if (resting_ && wants_write()) {
        host_.wake_soon(*this);
    }
}

/// Answers have no place to wait but the queue: a peer that asks and does not read is cut off.
void DeviceSession::check_queue() {
    if (out_.bytes() > host_.options().queued_bytes_hard) {
        end({Errc::slow_consumer, "answers are not read"}, Ending::at_once);
    }
}

}  // namespace capstan
