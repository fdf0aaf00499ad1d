#include "host.hpp"

#include <algorithm>
#include <capstan/schema/limits.hpp>
#include <capstan/schema/submission.hpp>

namespace capstan {
namespace {

/// Principals whose keyless devices are remembered. Each is a device row in every stream that it
/// wrote to, so a busy one must not be made anew for each request.
constexpr std::size_t kDesksMax = 10'000;

/// So many sessions to wake are a crowd.
constexpr std::size_t kCrowd = 16;
/// Turns of the strand without a message after which what was there is heard.
constexpr std::size_t kQuietTurns = 4;
/// Sessions that are woken in one turn of the strand: some hundred system calls.
constexpr std::size_t kWakesInTurn = 64;
/// A crowd waits no longer than this, whoever talks on.
constexpr std::size_t kHearingTurnsMax = 512;

std::size_t submission_bytes(Order const& order) {
    constexpr std::size_t kGuardBytes = 14;
    return SubmissionView::kHeaderBytes + order.stream.size() + order.principal.size() +
           kGuardBytes + DeliveredRunView::kPrefixBytes + order.run.bytes().size();
}

std::uint32_t milliseconds_up(Duration wait) {
    return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::milliseconds>(wait).count());
}

}  // namespace

std::unique_ptr<SessionHost> SessionHost::make(SessionOptions const& options,
                                               SessionSeams const& seams) {
    return std::make_unique<Host>(options, seams);
}

Host::Host(SessionOptions const& options, SessionSeams const& seams)
    : options_(options),
      seams_(seams),
      rates_(options.rates),
      pages_(options.page_cache_bytes),
      singles_(*this),
      records_(*this) {}

Host::~Host() {
    CAPSTAN_INVARIANT(sessions_.empty());  // each is closed first
}

std::shared_ptr<Session> Host::accept(std::function<void()> wake, Instant now) {
    auto session = std::make_shared<DeviceSession>(*this, std::move(wake), ++last_session_, now);
    session->place = sessions_.size();
    sessions_.push_back(session.get());
    return session;
}

void Host::closed(DeviceSession& session) {
    auto& hole = sessions_[session.place];
    hole = sessions_.back();
    hole->place = session.place;
    sessions_.pop_back();
}

void Host::forget(DeviceSession& session) {
    auto const at = by_device_.find({session.principal_text(), session.device()});
    if (at != by_device_.end() && at->second == &session) {
        by_device_.erase(at);
    }
    for (auto const& pattern : session.patterns()) {
        followers_.remove(session, pattern);
    }
    for (auto const& [stream, wanted] : session.waiting()) {
        stop_waiting(stream, session);
    }
    std::erase(answered_, &session);
}

/// The newest connection has the device. What an older one said may come in later: a process that
/// died, or a network that held it up.
Result<> Host::claim(DeviceSession& session) {
    auto& owner = by_device_[{session.principal_text(), session.device()}];
    if (owner != nullptr && owner->number() > session.number()) {
        return Error{Errc::replaced, {}};
    }
    auto* const older = std::exchange(owner, &session);
    if (older != nullptr) {
        counters_.sessions_replaced += 1;
        older->end({Errc::replaced, {}});
    }
    return success();
}

void Host::wake_soon(DeviceSession& session) {
    if (std::exchange(session.wake_is_due, true)) {
        return;
    }
    woken_.push_back(session.shared_from_this());
    if (woken_.size() == 1) {
        hearing_ = {.messages = messages_heard_};
        seams_.strand.post([this] { wake_when_heard(); });
    }
}

/// Writing to a crowd takes longer than reading what has come meanwhile, and a peer's messages come
/// one in a few turns of the strand. So those are heard first: they are written, flushed and
/// delivered together.
void Host::wake_when_heard() {
    bool const is_new = std::exchange(hearing_.messages, messages_heard_) != messages_heard_;
    hearing_.quiet_turns = is_new ? 0 : hearing_.quiet_turns + 1;
    bool const go_on = hearing_.quiet_turns < kQuietTurns && ++hearing_.turns < kHearingTurnsMax;
    if (woken_.size() >= kCrowd && go_on) {
        seams_.strand.post([this] { wake_when_heard(); });
    } else {
        wake_some();
    }
}

/// A few in a turn: whoever publishes is heard in between, however many read.
void Host::wake_some() {
    for (std::size_t i = 0; i < kWakesInTurn && !woken_.empty(); ++i) {
        auto const session = std::move(woken_.front());
        woken_.pop_front();
        session->wake_is_due = false;
        session->wake();
    }
    if (!woken_.empty()) {
        seams_.strand.post([this] { wake_some(); });
    }
}

void Host::on_tick(Instant now) {
    for (auto* session : sessions_) {
        session->on_tick(now);
    }
}

Result<> Host::check_ready() const {
    if (stopped_) {
        return *stopped_;
    }
    if (partition_ == nullptr || draining_) {
        return Error{Errc::not_ready, draining_ ? "shutting down" : "starting"};
    }
    return success();
}

TurnedAway Host::turn_away(Error why) const {
    bool const later = describe(why.code).reaction == Reaction::retry_later;
    return {.why = std::move(why), .retry_after_ms = later ? options_.retry_after_ms : 0};
}

std::optional<Duration> Host::rate_wait(Order const& order, Instant now) {
    if (order.gateway_time) {
        return std::nullopt;
    }
    return rates_.take(order.device, order.stream, order.run.count(), order.run.event_bytes(), now);
}

std::optional<TurnedAway> Host::submit(Order const& order,
                                       std::uint32_t id,
                                       std::uint32_t slot,
                                       Instant now) {
    if (auto const ready = check_ready(); !ready) {
        return turn_away(ready.error());
    }
    if (auto const bytes = submission_bytes(order); bytes > kSubmissionBytesMax) {
        return turn_away({Errc::too_large, "submission of " + std::to_string(bytes) + " bytes"});
    }
    if (auto const wait = rate_wait(order, now)) {
        return TurnedAway{Error{Errc::rate_limited, {}}, milliseconds_up(*wait)};
    }
    RunEnvelope const envelope{.stream = order.stream,
                               .principal = order.principal,
                               .generation = order.generation,
                               .expect_head = order.expect_head,
                               .device = order.device,
                               .gateway_time = order.gateway_time.value_or(seams_.clock.wall())};
    auto const queued =
        partition_->submit(encode_submission(envelope, order.run), Submitters::token(id, slot));
    if (!queued) {
        return turn_away(queued.error());
    }
    submitters_.sent(id);
    counters_.runs_submitted += 1;
    return std::nullopt;
}

Result<> Host::submit_record(Bytes record, std::uint32_t id, std::uint32_t slot) {
    CAPSTAN_TRY(check_ready());
    CAPSTAN_TRY(partition_->submit(std::move(record), Submitters::token(id, slot)));
    submitters_.sent(id);
    return success();
}

void Host::publish(SinglePublish const& publish, Instant now, OnAnswer done) {
    singles_.publish(publish, now, std::move(done));
}

void Host::append(KeylessAppend const& append, OnAnswer done) {
    auto const refuse = [&](Error why) {
        auto const refusal = turn_away(std::move(why));
        counters_.runs_turned_away += 1;
        done({.result = result_of(RunId{}, refusal), .why = refusal.why});
    };
    if (auto const ready = check_ready(); !ready) {
        refuse(ready.error());
    } else if (!is_stream_name(append.stream)) {
        refuse({Errc::stream_name_invalid, {}});
    } else if (!append.principal.may_write(append.stream)) {
        refuse({Errc::denied, {}});
    } else {
        desk_of(append.principal).append(append, std::move(done));
    }
}

KeylessDesk& Host::desk_of(Principal const& principal) {
    auto const name = principal.text();
    if (auto const known = desks_.find(name); known != desks_.end()) {
        return *known->second;
    }
    if (desks_.size() >= kDesksMax) {
        std::erase_if(desks_, [](auto const& desk) { return desk.second->is_idle(); });
    }
    DeviceId device;
    seams_.random.fill(device.bytes);
    return *desks_.emplace(name, std::make_unique<KeylessDesk>(*this, principal, device))
                .first->second;
}

void Host::drain() {
    draining_ = true;
    end_drained();
}

/// Those whose runs are answered; the others when they are.
void Host::end_drained() {
    for (auto* session : sessions_) {
        if (!session->has_in_flight()) {
            session->end({Errc::not_ready, "shutting down"});
        }
    }
}

void Host::set_options(SessionOptions const& options) {
    options_ = options;
    rates_ = RateLimiter(options.rates);
}

void Host::check_principals() {
    for (auto* session : sessions_) {
        if (!session->is_entitled()) {
            // The next `Hello` finds out whether the token is gone, or has other rights.
            session->end({Errc::not_ready, "the token's rights have changed: connect again"});
        }
    }
}

void Host::on_stopped(Error const& why) {
    stopped_ = why;
    for (auto* session : sessions_) {
        session->end(why);
    }
}

void Host::on_folded(std::span<Folded const> batch) {
    for (auto const& folded : batch) {
        submitters_.folded(folded.token, folded.verdict);
    }
    send_answers();
}

void Host::on_turned_away(std::span<std::uint64_t const> tokens, Error const& why) {
    auto const refusal = turn_away(why);
    for (auto const token : tokens) {
        submitters_.turned_away(token, refusal);
    }
    send_answers();
}

void Host::send_answers() {
    for (auto* session : std::exchange(answered_, {})) {
        session->end_of_batch();
    }
    if (draining_) {
        end_drained();
    }
}

}  // namespace capstan
