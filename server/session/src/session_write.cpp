// What a connection gets, pulled as it can take more.
#include <algorithm>

#include "device_session.hpp"
#include "host.hpp"

namespace capstan {
namespace {

constexpr std::size_t kPageBytesMin = 4'096;

}  // namespace

Payload DeviceSession::next_write(std::size_t bytes_max) {
    auto const& options = host_.options();
    auto const now = host_.seams().clock.now();
    if (given_bytes_ > 0) {
        pace_.took(given_bytes_, now - given_at_);
    }
    if (ending_ == Ending::none) {
        fill(std::min(bytes_max, options.queued_bytes_soft));
    }
    auto payload = out_.take(std::min(bytes_max, options.coalesce_bytes), host_.joined());
    given_bytes_ = payload.bytes();
    given_at_ = now;
    takes_ += 1;
    resting_ = !payload;
    if (ending_ == Ending::none && payload && out_.empty() && pace_.is_full()) {
        send_next(bytes_max);  // to be there when this is written
    }
    return payload;
}

void DeviceSession::fill(std::size_t bytes_max) {
    while (out_.bytes() < bytes_max && send_next(bytes_max - out_.bytes())) {
    }
}

/// Puts one more message on the queue: what was asked, then streams that appeared, then events and
/// chunks of snapshots by turns.
/// False when there is nothing.
bool DeviceSession::send_next(std::size_t bytes_max) {
    if (!requests_.empty()) {
        answer_page();
        return true;
    }
    if (!appeared_.empty()) {
        announce_some();
        return true;
    }
    bool const has_enough = out_.bytes() >= pace_.bytes();
    bool const has_events = !needs_.empty() || (!lagging_.empty() && !loading_);
    if (has_enough || credit_ <= 0 || !(has_events || has_chunk())) {
        return false;
    }
    // A message may overdraw the credit, so that no run is too large for it.
    auto const credit = static_cast<std::size_t>(credit_);
    auto const page_bytes =
        std::min(pace_.bytes(), std::max(kPageBytesMin, std::min(bytes_max, credit)));
    events_have_turn_ = has_events && !events_have_turn_;
    if (!events_have_turn_ && has_chunk()) {
        return send_chunk(page_bytes) || has_events;
    }
    if (!needs_.empty()) {
        send_needed(page_bytes);
        return true;
    }
    return has_events && send_page(lagging_.front(), page_bytes);
}

void DeviceSession::send_needed(std::size_t bytes_max) {
    auto& need = needs_.front();
    auto const sent = host_.read_range(need.stream, need.next, need.last, bytes_max);
    if (sent && sent.value()) {
        need.next = sent.value()->last.next();
        push_events(*sent.value());
    } else {
        auto const why = sent ? Error{Errc::not_found, "above the head"} : sent.error();
        notice(why, need.stream);
        need.next = need.last.next();
    }
    if (need.next > need.last) {
        needs_.erase(needs_.begin());
    }
}

/// Reads on for one stream. False if that takes a while: the session is woken then.
bool DeviceSession::send_page(Subscription& subscription, std::size_t bytes_max) {
    PageKey const key{subscription.topic.number, subscription.cursor.next()};
    auto const page = host_.read(key, bytes_max, *this);
    loading_ = !page.has_value();
    if (page) {
        take_page(subscription, *page);
    }
    return page.has_value();
}

void DeviceSession::on_page(PageKey const& key, Result<TapePage> const& page) {
    loading_ = false;
    auto* const subscription = find(key.first.value);
    bool const is_wanted = subscription != nullptr &&
                           subscription->state == Subscription::State::lagging &&
                           subscription->cursor.next() == key.second;
    if (ending_ == Ending::none && is_wanted) {
        take_page(*subscription, page);
    }
    wake_if_resting();
}

/// Then the other streams have their turn.
void DeviceSession::take_page(Subscription& subscription, Result<TapePage> const& page) {
    if (!page) {
        rest(subscription, subscription.cursor);
        notice(page.error(), subscription.topic.number);
        return;
    }
    if (page.value().events) {
        push_events(*page.value().events);
        subscription.cursor = page.value().events->last;
    }
    if (page.value().at_head) {
        promote(subscription);
    } else {
        subscription.unlink();
        lagging_.push_back(subscription);
    }
}

void DeviceSession::promote(Subscription& subscription) {
    subscription.unlink();
    subscription.state = Subscription::State::live;
    subscription.topic.live.push_back(subscription);
    host_.count().promotions += 1;
}

void DeviceSession::push(fb::WelcomeT const& message) {
    host_.writer().add(message);
    push_written();
}

void DeviceSession::push(fb::HeadT const& message) {
    host_.writer().add(message);
    push_written();
}

void DeviceSession::push(fb::NoticeT const& message) {
    host_.writer().add(message);
    push_written();
}

void DeviceSession::push_written() {
    out_.push({std::make_shared<Bytes const>(host_.writer().take()), nullptr});
}

void DeviceSession::push_events(EventsMessage const& events) {
    credit_ -= static_cast<std::int64_t>(events.run_bytes);
    out_.push(events.message);
}

bool DeviceSession::has_room() const {
    return credit_ > 0 && out_.bytes() < host_.options().queued_bytes_soft;
}

void DeviceSession::deliver(Subscription& subscription, EventsMessage const& events) {
    subscription.cursor = events.last;
    push_events(events);
    wake_if_resting();
}

void DeviceSession::lag(Subscription& subscription) {
    subscription.unlink();
    subscription.state = Subscription::State::lagging;
    lagging_.push_back(subscription);
    wake_if_resting();
}

void DeviceSession::notice(Error const& why, StreamNumber stream, bool closing) {
    bool const later = describe(why.code).reaction == Reaction::retry_later;
    fb::NoticeT message;
    message.code = static_cast<std::uint16_t>(why.code);
    message.detail = why.detail;
    message.stream = stream.value;
    message.closing = closing;
    message.retry_after_ms = later ? host_.options().retry_after_ms : 0;
    push(message);
}

}  // namespace capstan
