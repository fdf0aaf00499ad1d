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
      moving_(now) {}

DeviceSession::~DeviceSession() {
    on_close();
}

Result<> DeviceSession::on_message(ByteView payload, Instant now) {
    if (ending_ != Ending::none || closed_) {
        return success();  // what was under way when the session ended
    }
    heard_ = now;
    host_.heard();
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
    } else if (phase_ == Phase::greeting && now - opened_ > options.greeting_max) {
        end({Errc::timed_out, "no Hello"});
    }
}

bool DeviceSession::wants_read() const {
    auto const& options = host_.options();
    return ending_ == Ending::none && requests_.empty() &&
           out_.bytes() < options.queued_bytes_soft && in_flight_.size() < options.in_flight_max;
}

bool DeviceSession::wants_write() const {
    bool const more_left = !needs_.empty() || !lagging_.empty() || has_chunk();
    return !out_.empty() || !requests_.empty() || !appeared_.empty() || (more_left && credit_ > 0);
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
