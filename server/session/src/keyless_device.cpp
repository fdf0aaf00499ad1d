#include <algorithm>
#include <capstan/server/session/keyless_device.hpp>
#include <vector>

namespace capstan {
namespace {

std::vector<ByteView> events_of(RunView const& run) {
    std::vector<ByteView> events;
    events.reserve(run.count());
    for (std::uint32_t i = 0; i < run.count(); ++i) {
        events.push_back(run.event(i));
    }
    return events;
}

RunView view_of(Bytes const& run) {
    auto const view = RunView::decode(run);
    CAPSTAN_INVARIANT(view.has_value());  // encoded here
    return view.value();
}

}  // namespace

KeylessDevice::KeylessDevice(DeviceId id, Random& random, Seams seams)
    : id_(id), random_(random), seams_(std::move(seams)) {}

/// Ordinals count over all streams, so an attempt is above every earlier one of this device, also
/// in a stream that the fold remembers only by a refusal.
Attempt KeylessDevice::new_attempt() {
    return Attempt::of(++last_ordinal_, static_cast<std::uint32_t>(random_.next()));
}

Result<KeylessDevice::Chains::iterator> KeylessDevice::chain_of(std::string_view stream) {
    auto const at = chains_.find(stream);
    if (at != chains_.end()) {
        return at;
    }
    CAPSTAN_TRY(auto const known, seams_.lookup(stream));
    bool const goes_on = known.attempt.value != 0 && !known.halted;
    Chain const chain{.attempt = goes_on ? known.attempt : new_attempt(), .tail = known.last};
    return chains_.emplace(stream, chain).first;
}

void KeylessDevice::append(std::string_view stream,
                           std::optional<Seq> expect_head,
                           std::span<ByteView const> events,
                           OnAnswer done) {
    auto const chain = chain_of(stream);
    if (!chain) {
        done(Answer{.verdict = chain.error()});
        return;
    }
    chain.value()->second.in_flight += 1;
    send(++last_token_,
         Pending{.chain = chain.value(), .expect_head = expect_head, .done = std::move(done)},
         events);
}

/// Freezes the events behind the chain's tail and sends them.
void KeylessDevice::send(std::uint32_t token, Pending pending, std::span<ByteView const> events) {
    auto& [stream, chain] = *pending.chain;
    pending.run = encode_run(
        {.attempt = chain.attempt, .after = chain.tail, .preceding_seq = kAtHead}, events);
    pending.tries += 1;
    auto const run = view_of(pending.run);
    auto const sent = seams_.submit(stream, pending.expect_head, run, token);
    if (!sent) {
        answer(std::move(pending), sent.error());
        return;
    }
    chain.tail = run.last_link();
    pending_.emplace(token, std::move(pending));
}

KeylessDevice::Pending KeylessDevice::take(std::uint32_t token) {
    auto const at = pending_.find(token);
    CAPSTAN_INVARIANT(at != pending_.end());
    auto pending = std::move(at->second);
    pending_.erase(at);
    return pending;
}

void KeylessDevice::on_turned_away(std::uint32_t token, Error why) {
    auto pending = take(token);
    auto& chain = pending.chain->second;
    auto const run = view_of(pending.run);
    if (chain.tail == run.last_link()) {
        chain.tail = run.header().after;  // nothing follows it yet
    }
    answer(std::move(pending), std::move(why));
}

void KeylessDevice::on_verdict(std::uint32_t token, Verdict const& verdict) {
    auto pending = take(token);
    auto& chain = pending.chain->second;
    bool const is_over =
        verdict.outcome != Verdict::accepted && verdict.outcome != Verdict::duplicate;
    if (is_over && chain.attempt == view_of(pending.run).header().attempt) {
        chain.attempt = new_attempt();
        chain.tail = verdict.last;
    }
    switch (verdict.outcome) {
        case Verdict::halted:
        case Verdict::counter_gap:
        case Verdict::settled:
        case Verdict::behind_itself:
            // Each is the fold's word that this run, the only copy there is, was not accepted.
            return send_again(token, std::move(pending));
        default:
            return answer(std::move(pending), verdict);
    }
}

void KeylessDevice::send_again(std::uint32_t token, Pending pending) {
    if (pending.tries >= kTriesMax) {
        return answer(std::move(pending), Error{Errc::overloaded, "halted by other appends"});
    }
    auto const old_run = std::move(pending.run);
    auto const events = events_of(view_of(old_run));
    send(token, std::move(pending), events);
}

void KeylessDevice::answer(Pending pending, Result<Verdict> verdict) {
    auto const chain = pending.chain;
    if (--chain->second.in_flight == 0) {
        chains_.erase(chain);
    }
    auto const run = view_of(pending.run);
    pending.done({.run = run.header(), .count = run.count(), .verdict = std::move(verdict)});
}

}  // namespace capstan
