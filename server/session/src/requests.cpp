#include "requests.hpp"

#include <capstan/schema/limits.hpp>

#include "host.hpp"

namespace capstan {
namespace {

std::optional<Error> reason_of(Verdict const& verdict) {
    return verdict.reason ? std::optional(Error{*verdict.reason, {}}) : std::nullopt;
}

/// Each event by itself; the run as a whole is checked with its submission.
Result<> check_events(std::span<ByteView const> events) {
    if (events.empty() || events.size() > kRunEventsMax) {
        return Error{Errc::request_invalid, std::to_string(events.size()) + " events"};
    }
    for (auto const event : events) {
        if (event.empty()) {
            return Error{Errc::request_invalid, "an empty event"};
        }
        if (event.size() > kEventBytesMax) {
            return Error{Errc::too_large, "event of " + std::to_string(event.size()) + " bytes"};
        }
    }
    return success();
}

}  // namespace

SinglePublishes::SinglePublishes(Host& host) : host_(host), id_(host.submitters().add(*this)) {}

void SinglePublishes::publish(SinglePublish const& publish, Instant now, OnAnswer done) {
    auto const run = RunView::decode(publish.run);
    auto const id = run ? RunId::of(run.value(), {}) : RunId::guess(publish.run, {});
    auto const turn_away = [&](TurnedAway const& refusal) {
        host_.count().runs_turned_away += 1;
        done({.result = result_of(id.value_or(RunId{}), refusal), .why = refusal.why});
    };
    if (!run) {
        turn_away({run.error()});
    } else if (!is_stream_name(publish.stream)) {
        turn_away({Error{Errc::stream_name_invalid, {}}});
    } else if (!publish.principal.may_write(publish.stream)) {
        turn_away({Error{Errc::denied, {}}});
    } else {
        auto const principal = publish.principal.text();
        auto const slot = in_flight_.add({*id, {}});
        auto const refusal = host_.submit({.principal = principal,
                                           .device = publish.device,
                                           .stream = publish.stream,
                                           .generation = publish.generation,
                                           .expect_head = publish.expect_head,
                                           .run = run.value(),
                                           .gateway_time = publish.gateway_time},
                                          id_,
                                          slot,
                                          now);
        if (refusal) {
            in_flight_.take(slot);
            turn_away(*refusal);
        } else {
            done_.emplace(slot, std::move(done));
        }
    }
}

void SinglePublishes::on_verdict(std::uint32_t slot, Verdict const& verdict) {
    auto const run = in_flight_.take(slot);
    auto const done = std::move(done_.extract(slot).mapped());
    auto const result = result_of(run.id, verdict);
    host_.count(result.outcome());
    done({.result = result, .why = reason_of(verdict)});
}

void SinglePublishes::on_turned_away(std::uint32_t slot, TurnedAway const& refusal) {
    auto const run = in_flight_.take(slot);
    auto const done = std::move(done_.extract(slot).mapped());
    host_.count().runs_turned_away += 1;
    done({.result = result_of(run.id, refusal), .why = refusal.why});
}

RecordSubmits::RecordSubmits(Host& host) : host_(host), id_(host.submitters().add(*this)) {}

void RecordSubmits::submit(Bytes record, OnVerdict done) {
    auto const slot = ++last_slot_;
    if (auto const sent = host_.submit_record(std::move(record), id_, slot); !sent) {
        done(sent.error());
    } else {
        done_.emplace(slot, std::move(done));
    }
}

void RecordSubmits::on_verdict(std::uint32_t slot, Verdict const& verdict) {
    done_.extract(slot).mapped()(verdict);
}

void RecordSubmits::on_turned_away(std::uint32_t slot, TurnedAway const& refusal) {
    done_.extract(slot).mapped()(refusal.why);
}

KeylessDesk::KeylessDesk(Host& host, Principal const& principal, DeviceId device)
    : host_(host),
      id_(host.submitters().add(*this)),
      principal_(principal.text()),
      device_(device,
              host.seams().random,
              {.lookup = [this](std::string_view stream) { return lookup(stream); },
               .submit = [this](auto const&... order) { return submit(order...); }}) {}

KeylessDesk::~KeylessDesk() {
    host_.submitters().remove(id_);
}

Result<DeviceStat> KeylessDesk::lookup(std::string_view stream) {
    CAPSTAN_TRY(auto const stat, host_.partition()->stat(stream));
    return stat ? host_.partition()->device(stat->number, device_.id()) : DeviceStat{};
}

Result<> KeylessDesk::submit(std::string_view stream,
                             std::optional<Seq> expect_head,
                             RunView const& run,
                             std::uint32_t token) {
    auto const refusal = host_.submit({.principal = principal_,
                                       .device = device_.id(),
                                       .stream = stream,
                                       .generation = {},
                                       .expect_head = expect_head,
                                       .run = run},
                                      id_,
                                      token,
                                      host_.seams().clock.now());
    return refusal ? Result<>(refusal->why) : success();
}

void KeylessDesk::append(KeylessAppend const& append, OnAnswer done) {
    if (auto const checked = check_events(append.events); !checked) {
        done({.result = result_of(RunId{}, TurnedAway{checked.error()}), .why = checked.error()});
        return;
    }
    auto const answer = [this, done = std::move(done)](KeylessDevice::Answer const& what) {
        RunId const run{.attempt = what.run.attempt,
                        .first_counter = what.run.after.counter.next(),
                        .stream = {},
                        .count = static_cast<std::uint16_t>(what.count)};
        if (what.verdict) {
            auto const result = result_of(run, what.verdict.value());
            host_.count(result.outcome());
            done({.result = result, .why = reason_of(what.verdict.value())});
        } else {
            host_.count().runs_turned_away += 1;
            auto const refusal = host_.turn_away(what.verdict.error());
            done({.result = result_of(run, refusal), .why = refusal.why});
        }
    };
    device_.append(append.stream, append.expect_head, append.events, answer);
}

void KeylessDesk::on_verdict(std::uint32_t slot, Verdict const& verdict) {
    device_.on_verdict(slot, verdict);
}

void KeylessDesk::on_turned_away(std::uint32_t slot, TurnedAway const& refusal) {
    device_.on_turned_away(slot, refusal.why);
}

}  // namespace capstan
